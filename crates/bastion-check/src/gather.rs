//! Reads the facts from the store and from the configuration that runs.
//!
//! It must never read without a bound, and never write.

mod cost;

use std::collections::BTreeSet;

use bastion_config::Config;
use bastion_store::{KeyFilter, KeyRecord, Page, Store, StoreError};
use bastion_types::{EnvironmentName, Region, Timestamp, Zone};

use crate::facts::{Facts, Residency, UpstreamFacts};
use crate::proof::EVIDENCE_LIMIT;

/// Pages of keys that are read: as many as there can be keys.
const MAX_KEY_PAGES: usize = 500;

/// What is asked of the gate.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// About which environment.
    pub environment: &'a EnvironmentName,
    /// The configuration that runs.
    pub config: &'a Config,
    /// Its hash, as drills write it down.
    pub policy_hash: String,
    /// The version that runs.
    pub version: String,
    /// The moment.
    pub now: Timestamp,
}

/// Reads everything that a check may look at.
///
/// # Errors
/// When the store cannot be read.
pub async fn gather(store: &Store, asked: Asked<'_>) -> Result<Facts, StoreError> {
    let Asked { environment, config, policy_hash, version, now } = asked;
    let evidence = store.evidence();
    Ok(Facts {
        drills: evidence.latest_verdicts(environment).await?,
        keys: keys(store, environment),
        sightings: evidence.sightings_since(now.minus(EVIDENCE_LIMIT)).await?,
        residency: residency(store, environment, config, now).await?,
        spend: cost::spend(store, environment, (config, now)).await?,
        uses: cost::uses(store, environment, (config, now)).await?,
        environment: environment.clone(),
        now,
        policy_hash,
        version,
    })
}

fn keys(store: &Store, environment: &EnvironmentName) -> Vec<KeyRecord> {
    let filter = KeyFilter { environment: Some(environment.clone()), ..KeyFilter::default() };
    let mut keys: Vec<KeyRecord> = Vec::new();
    for _ in 0..MAX_KEY_PAGES {
        let after = keys.last().map(|key| key.id);
        let page = store.keys().list(filter.clone(), Page { after, limit: u32::MAX });
        let is_last = page.next.is_none();
        keys.extend(page.data);
        if is_last {
            break;
        }
    }
    keys
}

async fn residency(
    store: &Store,
    environment: &EnvironmentName,
    config: &Config,
    now: Timestamp,
) -> Result<Residency, StoreError> {
    let settings = config.environments.get(environment);
    let regions = settings.map(|settings| settings.regions.clone()).unwrap_or_default();
    let allowed = |region: Option<&Region>| {
        regions.is_empty()
            || region.is_some_and(|region| regions.iter().any(|wider| region.within(wider)))
    };
    let routed: BTreeSet<_> =
        config.models.values().flat_map(|model| &model.routes).map(|r| &r.upstream).collect();
    let reachable = config
        .upstreams
        .iter()
        .filter(|(name, upstream)| routed.contains(name) && allowed(upstream.region.as_ref()));
    let upstreams = reachable.map(|(name, upstream)| UpstreamFacts {
        name: name.clone(),
        region: upstream.region.clone(),
        clause: upstream.residency_clause.clone(),
    });
    let upstreams: Vec<UpstreamFacts> = upstreams.collect();
    let known: BTreeSet<Region> =
        config.upstreams.values().filter_map(|upstream| upstream.region.clone()).collect();
    let known: Vec<Region> = known.into_iter().collect();
    let since = Zone::UTC.begin_of_month(Zone::UTC.day_of(now).month()).unwrap_or(now);
    let reached = store.evidence().reached(environment, since, &known).await?;
    Ok(Residency { regions, upstreams, reached })
}
