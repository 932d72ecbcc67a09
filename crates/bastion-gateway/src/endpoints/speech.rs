//! `POST /api/v1/tts/text_to_audio`: audio bytes on as they come.
//!
//! It must never hold audio back that a caller could hear.

use bastion_config::Kind;
use bastion_wire::{Endpoint, read_speech};

use super::{Answers, Reads, Serves, Service, UpstreamService};

pub(super) struct Speech;

impl Serves for Speech {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Speech
    }

    fn service(&self) -> Service {
        Service::Upstream(UpstreamService {
            kind: Kind::Speech,
            reads: Reads::Json(read_speech),
            answers: Answers::Audio,
        })
    }
}
