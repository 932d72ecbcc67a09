//! `POST /v1/embeddings`.
//!
//! It must never hold an answer twice: they are large.

use bastion_config::Kind;
use bastion_wire::{AnswerForm, Endpoint, read_embeddings};

use super::{Answers, Reads, Serves, Service, UpstreamService};

pub(super) struct Embeddings;

impl Serves for Embeddings {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Embeddings
    }

    fn service(&self) -> Service {
        Service::Upstream(UpstreamService {
            kind: Kind::Embeddings,
            reads: Reads::Json(read_embeddings),
            answers: Answers::Json(AnswerForm::Tokens),
        })
    }
}
