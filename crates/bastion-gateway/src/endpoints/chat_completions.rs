//! `POST /v1/chat/completions`, streamed and not.
//!
//! It must never change a field that policy does not own.

use bastion_config::Kind;
use bastion_wire::{Endpoint, read_chat};

use super::{Serves, Service, UpstreamService};

pub(super) struct ChatCompletions;

impl Serves for ChatCompletions {
    fn endpoint(&self) -> Endpoint {
        Endpoint::ChatCompletions
    }

    fn service(&self) -> Service {
        Service::Upstream(UpstreamService { kind: Kind::Chat, read: read_chat })
    }
}
