//! `POST /v1/chat/completions`, streamed and not.
//!
//! It must never change a field that policy does not own.

use bastion_config::Kind;
use bastion_wire::{AnswerForm, Endpoint, read_chat};

use super::{Answers, Reads, Serves, Service, UpstreamService};

pub(super) struct ChatCompletions;

impl Serves for ChatCompletions {
    fn endpoint(&self) -> Endpoint {
        Endpoint::ChatCompletions
    }

    fn service(&self) -> Service {
        Service::Upstream(UpstreamService {
            kind: Kind::Chat,
            reads: Reads::Json(read_chat),
            answers: Answers::Json(AnswerForm::Tokens),
        })
    }
}
