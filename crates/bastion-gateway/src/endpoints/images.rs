//! `POST /v1/images/generations`.
//!
//! It must never look at an image.

use bastion_config::Kind;
use bastion_wire::{AnswerForm, Endpoint, read_images};

use super::{Answers, Reads, Serves, Service, UpstreamService};

pub(super) struct Images;

impl Serves for Images {
    fn endpoint(&self) -> Endpoint {
        Endpoint::Images
    }

    fn service(&self) -> Service {
        Service::Upstream(UpstreamService {
            kind: Kind::Image,
            reads: Reads::Json(read_images),
            answers: Answers::Json(AnswerForm::Images),
        })
    }
}
