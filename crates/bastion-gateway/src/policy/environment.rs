//! An environment as a call sees it.
//!
//! It must never be wider than the configuration says.

use bastion_config::Environment;
use bastion_types::{Enforce, Region};

use super::model::ModelPolicy;
use super::money::MoneyPolicy;
use super::route::Route;

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
    /// What its calls may cost.
    pub(crate) money: MoneyPolicy,
}

impl EnvironmentPolicy {
    pub(super) fn new(environment: &Environment) -> EnvironmentPolicy {
        EnvironmentPolicy {
            regions: environment.regions.clone(),
            enforce: environment.enforce,
            require_surface: environment.require_surface,
            require_user: environment.require_user,
            money: MoneyPolicy::new(environment),
        }
    }

    /// May its calls go this way? Box `privacy.residency`.
    pub(crate) fn allows(&self, route: &Route) -> bool {
        let inside = |region: &Region| self.regions.iter().any(|wider| region.within(wider));
        self.regions.is_empty() || route.upstream.region.as_ref().is_some_and(inside)
    }

    /// May its calls go any way to this model?
    pub(super) fn reaches(&self, model: &ModelPolicy) -> bool {
        model.routes.iter().any(|route| self.allows(route))
    }
}
