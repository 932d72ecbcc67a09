//! A model as a call sees it.
//!
//! It must never name an upstream that the configuration does not.

use std::sync::Arc;

use bastion_config::{Kind, Model, Speech};
use bastion_types::ModelName;
use bastion_wire::Work;
use bytes::Bytes;

use super::route::Route;

/// Output that a call is taken to want when neither it nor the model names a limit, in tokens.
const DEFAULT_OUTPUT_TOKENS: u64 = 4096;

/// A model, its kinds, and who answers for it.
pub(crate) struct ModelPolicy {
    /// The name that callers use.
    pub(crate) name: ModelName,
    /// What it can be called for.
    pub(crate) kinds: Vec<Kind>,
    /// Who answers, in order; never empty.
    pub(crate) routes: Vec<Arc<Route>>,
    /// May a stream be asked for its usage?
    pub(crate) usage_option: bool,
    /// What it speaks.
    pub(crate) speech: Speech,
    /// What `GET /v1/models/{id}` answers.
    pub(crate) entry: Bytes,
    output_tokens: u64,
}

impl ModelPolicy {
    /// With its routes; none when it has no route.
    pub(crate) fn new(
        name: &ModelName,
        model: &Model,
        routes: Vec<Arc<Route>>,
    ) -> Option<ModelPolicy> {
        // Names hold no character that JSON would escape.
        let entry = format!(
            r#"{{"id":"{name}","object":"model","created":0,"owned_by":"{}"}}"#,
            routes.first()?.upstream.name
        );
        Some(ModelPolicy {
            name: name.clone(),
            kinds: model.kinds.clone(),
            routes,
            usage_option: model.usage_option,
            speech: model.speech.clone(),
            entry: Bytes::from(entry),
            output_tokens: model.max_output_tokens.unwrap_or(DEFAULT_OUTPUT_TOKENS),
        })
    }

    /// The most output tokens of a call for this work.
    pub(crate) fn output_bound_tokens(&self, work: Work) -> u64 {
        match work {
            Work::Text { limit_tokens, answers } => {
                limit_tokens.unwrap_or(self.output_tokens).saturating_mul(answers)
            }
            Work::Vectors | Work::Images { .. } | Work::Transcript { .. } | Work::Speech { .. } => {
                0
            }
        }
    }
}
