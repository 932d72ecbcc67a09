//! `GET /v1/models/{id}`: one model, if this key may use it.
//!
//! It must never tell whether a model exists that the key may not use.

use bastion_types::Refusal;
use bastion_wire::Endpoint;
use bytes::Bytes;

use super::{Question, Serves, Service};

pub(super) struct Model;

impl Serves for Model {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Model
    }

    fn service(&self) -> Service {
        Service::Here(one)
    }
}

fn one(question: &Question<'_>) -> Result<Bytes, Refusal> {
    let name = question.named_model.unwrap_or_default();
    let usable = question.policy.usable_models(question.environment);
    match usable.iter().find(|model| model.name.as_str() == name) {
        Some(model) => Ok(model.entry.clone()),
        None => Err(Refusal::ModelNotFound { model: name.to_owned() }),
    }
}
