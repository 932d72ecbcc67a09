//! An environment as a call sees it.
//!
//! It must never be wider than the configuration says.

use bastion_config::Environment;
use bastion_types::{Enforce, Region};

/// What an environment asks of a call.
pub(crate) struct EnvironmentPolicy {
    /// Only upstreams inside these; empty: any.
    pub(crate) regions: Vec<Region>,
    /// Are refusals by surfaces and budgets applied?
    pub(crate) enforce: Enforce,
    /// Must a call name its surface?
    pub(crate) require_surface: bool,
    /// Must a call name its end user?
    pub(crate) require_user: bool,
}

impl EnvironmentPolicy {
    pub(super) fn new(environment: &Environment) -> EnvironmentPolicy {
        EnvironmentPolicy {
            regions: environment.regions.clone(),
            enforce: environment.enforce,
            require_surface: environment.require_surface,
            require_user: environment.require_user,
        }
    }

    /// May a call be computed there? Box `privacy.residency`.
    pub(super) fn allows_region(&self, region: Option<&Region>) -> bool {
        let inside = |region: &Region| self.regions.iter().any(|wider| region.within(wider));
        self.regions.is_empty() || region.is_some_and(inside)
    }
}
