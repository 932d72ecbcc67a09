//! What the operators' plane works with.
//!
//! It must never be shown: the token is in it.

use std::sync::Arc;

use bastion_observe::{Deployment, Drills, Metrics, Readiness};
use bastion_store::Store;
use bastion_types::{Clock, Secret};

use crate::host::HostRule;
use crate::token::TokenDigest;

/// What the operators' plane is given.
pub struct OperatorTools {
    /// Keys and records.
    pub store: Store,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// What `/readyz` shows.
    pub readiness: Readiness,
    /// The running configuration.
    pub deployment: Arc<dyn Deployment>,
    /// The drills.
    pub drills: Arc<dyn Drills>,
    /// The one clock.
    pub clock: Arc<dyn Clock>,
    /// What operators show as their bearer token.
    pub token: Secret,
}

/// The tools, and what is worked out from them once.
pub(crate) struct Desk {
    pub(crate) store: Store,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Readiness,
    pub(crate) deployment: Arc<dyn Deployment>,
    pub(crate) drills: Arc<dyn Drills>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) token: TokenDigest,
    pub(crate) hosts: HostRule,
}

impl Desk {
    /// The listener's address is read here once: it changes with a restart only.
    pub(crate) fn new(tools: OperatorTools) -> Desk {
        Desk {
            hosts: HostRule::of(&tools.deployment.settings()),
            token: TokenDigest::of(&tools.token),
            store: tools.store,
            metrics: tools.metrics,
            readiness: tools.readiness,
            deployment: tools.deployment,
            drills: tools.drills,
            clock: tools.clock,
        }
    }
}
