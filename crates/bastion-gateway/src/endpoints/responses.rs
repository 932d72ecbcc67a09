//! `POST /v1/responses`, streamed and not: stateless only.
//!
//! It must never let a call leave state at the upstream. Box `privacy.store-false`.

use bastion_config::Kind;
use bastion_wire::{AnswerForm, Endpoint, read_responses};

use super::{Answers, Reads, Serves, Service, UpstreamService};

pub(super) struct Responses;

impl Serves for Responses {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Responses
    }

    fn service(&self) -> Service {
        Service::Upstream(UpstreamService {
            kind: Kind::Responses,
            reads: Reads::Json(read_responses),
            answers: Answers::Json(AnswerForm::Tokens),
        })
    }
}
