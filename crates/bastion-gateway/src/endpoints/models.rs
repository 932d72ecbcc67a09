//! `GET /v1/models`: exactly the models and aliases that this key may use.
//!
//! It must never ask an upstream: the list is the configuration's, and costs nothing.

use bastion_types::Refusal;
use bastion_wire::Endpoint;
use bytes::Bytes;

use super::{Question, Serves, Service};

pub(super) struct Models;

impl Serves for Models {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Models
    }

    fn service(&self) -> Service {
        Service::Here(list)
    }
}

/// The list around the models' own entries.
const OPEN: &[u8] = br#"{"object":"list","data":["#;
const CLOSE: &[u8] = b"]}";

#[expect(clippy::unnecessary_wraps, reason = "other endpoints' own answers may refuse")]
fn list(question: &Question<'_>) -> Result<Bytes, Refusal> {
    let mut text = OPEN.to_vec();
    let (environment, own) = (question.environment, question.surfaces);
    let models = question.policy.usable_models(environment, own);
    let surfaces = question.policy.usable_surfaces(environment, own);
    let aliases = surfaces.iter().map(|surface| &surface.entry);
    for (place, entry) in models.iter().map(|model| &model.entry).chain(aliases).enumerate() {
        if place > 0 {
            text.push(b',');
        }
        text.extend_from_slice(entry);
    }
    text.extend_from_slice(CLOSE);
    Ok(Bytes::from(text))
}
