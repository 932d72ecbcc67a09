//! The endpoints: one file each, this list, and what tells one from another.
//!
//! An endpoint must never talk to an upstream by itself: the path does that for all of them.

mod chat_completions;
mod completions;
mod embeddings;
mod images;
mod model;
mod models;
mod responses;
mod speech;
mod transcriptions;

use bastion_config::Kind;
use bastion_types::{Refusal, SurfaceName};
use bastion_wire::{AnswerForm, Ask, Endpoint};
use bytes::Bytes;

use crate::form::Form;
use crate::policy::{EnvironmentPolicy, Policy};

/// Who is asked, and for what.
pub(crate) struct Question<'a> {
    /// The policy of this call.
    pub(crate) policy: &'a Policy,
    /// The caller's environment.
    pub(crate) environment: &'a EnvironmentPolicy,
    /// The surfaces that the caller's key is bound to; none: any.
    pub(crate) surfaces: &'a [SurfaceName],
    /// The model in the path.
    pub(crate) named_model: Option<&'a str>,
}

/// How an endpoint is served.
#[derive(Clone, Copy)]
pub(crate) enum Service {
    /// The gateway answers by itself, as JSON.
    Here(fn(&Question<'_>) -> Result<Bytes, Refusal>),
    /// An upstream answers.
    Upstream(UpstreamService),
}

/// How a call that an upstream answers is read.
#[derive(Clone, Copy)]
pub(crate) struct UpstreamService {
    /// What a model must be able to do.
    pub(crate) kind: Kind,
    /// How its body is read.
    pub(crate) reads: Reads,
    /// What an answer must be.
    pub(crate) answers: Answers,
}

/// Reads what policy needs of a body.
#[derive(Clone, Copy)]
pub(crate) enum Reads {
    /// Of a JSON object.
    Json(for<'a> fn(&'a [u8]) -> Result<Ask<'a>, Refusal>),
    /// Of a form with a file; what the answer must be depends on it.
    Form(for<'a> fn(&'a Form) -> Result<(Ask<'a>, Answers), Refusal>),
}

/// What an answer that is no stream of events must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// A JSON object that is no error, counted in this way.
    Json(AnswerForm),
    /// Any text that is no error and no page.
    Text,
    /// Audio, handed on as it comes.
    Audio,
}

/// What one endpoint's file gives.
pub(crate) trait Serves: Sync {
    /// Its row in the contract.
    fn endpoint(&self) -> Endpoint;
    /// How it is served.
    fn service(&self) -> Service;
}

const ALL: [&dyn Serves; 9] = [
    &chat_completions::ChatCompletions,
    &completions::Completions,
    &embeddings::Embeddings,
    &images::Images,
    &model::Model,
    &models::Models,
    &responses::Responses,
    &speech::Speech,
    &transcriptions::Transcriptions,
];

/// How an endpoint is served.
pub(crate) fn service(endpoint: Endpoint) -> Option<Service> {
    ALL.iter().find(|serves| serves.endpoint() == endpoint).map(|serves| serves.service())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_of_the_contract_is_served() {
        for endpoint in Endpoint::ALL {
            assert!(service(endpoint).is_some(), "{}", endpoint.name());
        }
    }
}
