//! What checks may look at: read before they run, so that they are pure.
//!
//! It must never hold a secret, a body or a whole address.

mod cost;

use bastion_store::{DrillRun, KeyRecord, ReachedCalls, Sighting};
use bastion_types::{EnvironmentName, Region, Timestamp, UpstreamName};

#[cfg(test)]
pub(crate) use cost::tests;
pub(crate) use cost::{CapFacts, CapSource, SpendFacts, SurfaceFacts, UseFacts};

/// The facts about one environment at one moment.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The environment.
    pub(crate) environment: EnvironmentName,
    /// The moment.
    pub(crate) now: Timestamp,
    /// What calls go by just now, as a hash.
    pub(crate) policy_hash: String,
    /// The version of the gateway that runs.
    pub(crate) version: String,
    /// Of each drill the newest run in this environment that came to a verdict.
    pub(crate) drills: Vec<DrillRun>,
    /// The environment's keys that are not revoked.
    pub(crate) keys: Vec<KeyRecord>,
    /// From where keys were used in the last 30 days, keys of other environments included.
    pub(crate) sightings: Vec<Sighting>,
    /// Where calls may go and went.
    pub(crate) residency: Residency,
    /// What may be spent and was.
    pub(crate) spend: SpendFacts,
    /// The use cases and what their calls were like.
    pub(crate) uses: UseFacts,
}

/// Where calls may go and went.
#[derive(Debug, Clone, Default)]
pub(crate) struct Residency {
    /// The environment's regions; empty: any.
    pub(crate) regions: Vec<Region>,
    /// Every upstream that a model of this environment can reach.
    pub(crate) upstreams: Vec<UpstreamFacts>,
    /// Where this month's calls went, in UTC.
    pub(crate) reached: ReachedCalls,
}

/// An upstream that can be reached.
#[derive(Debug, Clone)]
pub(crate) struct UpstreamFacts {
    /// Its name.
    pub(crate) name: UpstreamName,
    /// Where it computes.
    pub(crate) region: Option<Region>,
    /// The contract's words that promise that.
    pub(crate) clause: Option<String>,
}

#[cfg(test)]
impl Facts {
    /// A deployment of which nothing is known.
    pub(crate) fn nothing() -> Facts {
        Facts {
            environment: EnvironmentName::parse("prod").unwrap(),
            now: Timestamp::parse("2026-11-25T12:00:00Z").unwrap(),
            policy_hash: "hash".to_owned(),
            version: "0.1.0".to_owned(),
            drills: Vec::new(),
            keys: Vec::new(),
            sightings: Vec::new(),
            residency: Residency::default(),
            spend: SpendFacts::default(),
            uses: UseFacts::default(),
        }
    }
}
