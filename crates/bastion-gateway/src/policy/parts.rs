//! What a policy is made of.
//!
//! It must never be kept: a policy copies what it needs.

use std::collections::HashMap;

use bastion_config::Config;
use bastion_types::{Secret, UpstreamName};

use crate::breaker::Breakers;

/// What a policy is made of.
pub struct PolicyParts<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The upstreams' keys, as far as they resolved.
    pub credentials: HashMap<UpstreamName, Secret>,
    /// The upstreams' circuit breakers; they outlive a reload.
    pub breakers: &'a Breakers,
}
