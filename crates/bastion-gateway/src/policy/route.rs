//! One way to an answer: a model at an upstream, under its name there.
//!
//! It must never leave the choice of an upstream to the caller.

use std::sync::Arc;

use bastion_config::{Model, UpstreamTimeouts};
use bastion_types::{ModelName, Price};

use super::upstream::UpstreamPolicy;

/// A model at an upstream.
pub(crate) struct Route {
    /// Who answers.
    pub(crate) upstream: Arc<UpstreamPolicy>,
    /// The model's name there, if that is another one.
    pub(crate) renamed: Option<String>,
    /// What its tokens cost there, if that is known.
    pub(crate) price: Option<Price>,
    /// How long to wait for what: the model's own times before the upstream's.
    pub(crate) timeouts: UpstreamTimeouts,
}

impl Route {
    pub(super) fn new(
        name: &ModelName,
        model: &Model,
        route: &bastion_config::Route,
        upstream: Arc<UpstreamPolicy>,
    ) -> Route {
        let other = route.model.as_ref().filter(|other| *other != name);
        let (own, theirs) = (&model.timeout, upstream.timeouts);
        Route {
            renamed: other.map(ToString::to_string),
            price: route.price,
            timeouts: UpstreamTimeouts {
                connect: own.connect.unwrap_or(theirs.connect),
                first_event: own.first_event.unwrap_or(theirs.first_event),
                idle: own.idle.unwrap_or(theirs.idle),
                answer: own.answer.unwrap_or(theirs.answer),
            },
            upstream,
        }
    }
}
