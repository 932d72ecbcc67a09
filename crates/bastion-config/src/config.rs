//! The whole configuration, typed: what every other crate is handed parts of.
//!
//! It must never hold a secret, only references, and never be passed on whole below the wiring.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bastion_types::{
    Enforce, EnvironmentName, ModelName, OrganizationName, SurfaceName, UpstreamName,
};

use crate::at_once::{self, CallsAtOnce, Sections};
use crate::elements::balance::Prepaid;
use crate::elements::environments::Environment;
use crate::elements::ledger::UnknownOutcome;
use crate::elements::limits::LimitsSection;
use crate::elements::models::Model;
use crate::elements::operator::Operator;
use crate::elements::retry::Retry;
use crate::elements::server::Server;
use crate::elements::store::StoreSection;
use crate::elements::surfaces::Surface;
use crate::elements::upstreams::Upstream;
use crate::elements::waivers::Waiver;

/// The effective configuration of one deployment.
#[derive(Debug, Clone)]
pub struct Config {
    /// The one organization of this deployment; default `default`.
    pub organization: OrganizationName,
    /// Three capital letters; default `CAD`. Every amount and price is in it.
    pub currency: String,
    /// Where database, lock file and operator's token lie; default `./data` beside the file.
    pub data_dir: PathBuf,
    /// The callers' listener.
    pub server: Server,
    /// The operators' listener.
    pub operator: Operator,
    /// Where keys and records are kept.
    pub store: StoreSection,
    /// Where rates and concurrency are counted.
    pub limits: LimitsSection,
    /// The servers that answer calls; at least one.
    pub upstreams: BTreeMap<UpstreamName, Upstream>,
    /// The models that callers may name; at least one.
    pub models: BTreeMap<ModelName, Model>,
    /// The use cases; none: calls name none.
    pub surfaces: BTreeMap<SurfaceName, Surface>,
    /// The environments; at least one.
    pub environments: BTreeMap<EnvironmentName, Environment>,
    /// How often a call is tried, how long, and when an upstream is left alone.
    pub retry: Retry,
    /// Boxes of the checklist that are left unchecked for a while; each box once.
    pub waivers: Vec<Waiver>,
    /// When an empty balance refuses; default from the first top-up on.
    pub prepaid: Prepaid,
    /// What becomes of the holds of a process that died; default they are charged.
    pub unknown_outcome: UnknownOutcome,
}

impl Config {
    /// Models that have no price at one of their upstreams: nothing can be set aside for their calls.
    pub fn unpriced_models(&self) -> Vec<ModelName> {
        let unpriced = |model: &Model| model.routes.iter().any(|route| route.price.is_none());
        let models = self.models.iter().filter(|(_, model)| unpriced(model));
        models.map(|(name, _)| name.clone()).collect()
    }

    /// Models whose calls a balance refuses once something was paid in.
    pub fn refused_by_balance(&self) -> Vec<ModelName> {
        match self.prepaid {
            Prepaid::Auto | Prepaid::Always => self.unpriced_models(),
            Prepaid::Never => Vec::new(),
        }
    }

    /// Models whose calls a cap of the environment refuses. One set by hand may meet a configuration
    /// that did not expect any.
    pub fn refused_by_cap(&self, environment: &EnvironmentName) -> Vec<ModelName> {
        match self.environments.get(environment).map(|settings| settings.enforce) {
            Some(Enforce::On) => self.unpriced_models(),
            Some(Enforce::Observe) | None => Vec::new(),
        }
    }

    /// How many full calls each cap holds at once, surface by surface; without surfaces, model by
    /// model.
    pub fn calls_at_once(&self) -> Vec<CallsAtOnce> {
        at_once::calls_at_once(&Sections {
            upstreams: &self.upstreams,
            models: &self.models,
            environments: &self.environments,
            surfaces: &self.surfaces,
        })
    }
}
