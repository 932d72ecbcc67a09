//! A model as a call sees it.
//!
//! It must never name an upstream that the configuration does not.

use std::sync::Arc;

use bastion_config::{Kind, Model, Route};
use bastion_types::{ModelName, Price};
use bytes::Bytes;

use super::upstream::UpstreamPolicy;

/// Output that a call is taken to want when neither it nor the model names a limit, in tokens.
const DEFAULT_OUTPUT_TOKENS: u64 = 4096;

/// A model, its kinds, and who answers for it.
pub(crate) struct ModelPolicy {
    /// The name that callers use.
    pub(crate) name: ModelName,
    /// Its name at the upstream, quoted as JSON, if that is another one.
    pub(crate) renamed: Option<String>,
    /// What it can be called for.
    pub(crate) kinds: Vec<Kind>,
    /// Who answers.
    pub(crate) upstream: Arc<UpstreamPolicy>,
    /// What its tokens cost, if that is known.
    pub(crate) price: Option<Price>,
    /// What `GET /v1/models/{id}` answers.
    pub(crate) entry: Bytes,
    output_tokens: u64,
}

impl ModelPolicy {
    pub(crate) fn new(
        name: &ModelName,
        model: &Model,
        route: &Route,
        upstream: Arc<UpstreamPolicy>,
    ) -> ModelPolicy {
        // Names hold no character that JSON would escape.
        let entry = format!(
            r#"{{"id":"{name}","object":"model","created":0,"owned_by":"{}"}}"#,
            upstream.name
        );
        let other = route.model.as_ref().filter(|other| *other != name);
        ModelPolicy {
            name: name.clone(),
            renamed: other.map(|other| format!("\"{other}\"")),
            kinds: model.kinds.clone(),
            upstream,
            price: route.price,
            entry: Bytes::from(entry),
            output_tokens: model.max_output_tokens.unwrap_or(DEFAULT_OUTPUT_TOKENS),
        }
    }

    /// The most output tokens of one choice, for a call that asks for this limit.
    pub(crate) fn output_bound_tokens(&self, asked: Option<u64>) -> u64 {
        asked.unwrap_or(self.output_tokens)
    }
}
