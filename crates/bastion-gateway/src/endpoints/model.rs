//! `GET /v1/models/{id}`: one model, if this key may use it.
//!
//! It must never tell whether a model exists that the key may not use.

use bastion_types::Refusal;
use bastion_wire::Endpoint;
use bytes::Bytes;

use super::{Question, Serves, Service};
use crate::policy::ALIAS_PREFIX;

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
    let (environment, own) = (question.environment, question.surfaces);
    if let Some(alias) = name.strip_prefix(ALIAS_PREFIX) {
        let usable = question.policy.usable_surfaces(environment, own);
        let found = usable.iter().find(|surface| surface.name.as_str() == alias);
        let unknown = || Refusal::ModelNotFound { model: name.to_owned() };
        return found.map(|surface| surface.entry.clone()).ok_or_else(unknown);
    }
    let usable = question.policy.usable_models(environment, own);
    match usable.iter().find(|model| model.name.as_str() == name) {
        Some(model) => Ok(model.entry.clone()),
        None => Err(Refusal::ModelNotFound { model: name.to_owned() }),
    }
}
