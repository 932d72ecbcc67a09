//! `POST /v1/completions`, streamed and not.
//!
//! It must never change a field that policy does not own.

use bastion_config::Kind;
use bastion_wire::{AnswerForm, Endpoint, read_completion};

use super::{Answers, Reads, Serves, Service, UpstreamService};

pub(super) struct Completions;

impl Serves for Completions {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Completions
    }

    fn service(&self) -> Service {
        Service::Upstream(UpstreamService {
            kind: Kind::Completions,
            reads: Reads::Json(read_completion),
            answers: Answers::Json(AnswerForm::Tokens),
        })
    }
}
