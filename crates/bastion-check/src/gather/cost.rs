//! Reads what money, models and token budgets are.
//!
//! It must never add up what the ledger has: its sums are the truth.

use std::collections::BTreeSet;

use bastion_config::Config;
use bastion_store::{NewestCalls, SpendBy, Store, StoreError};
use bastion_types::{AccountId, EnvironmentName, Length, ModelName, Scope, Span, Timestamp};

use crate::facts::{CapFacts, CapSource, SpendFacts, SurfaceFacts, UseFacts};

/// Calls of so long are looked at: what was mended counts a week later.
const OBSERVED: Span = Span::from_secs(7 * 24 * 60 * 60);

/// What an environment may spend in its month and spent.
pub(super) async fn spend(
    store: &Store,
    environment: &EnvironmentName,
    (config, now): (&Config, Timestamp),
) -> Result<SpendFacts, StoreError> {
    let Some(settings) = config.environments.get(environment) else {
        return Ok(SpendFacts::default());
    };
    let ledger = store.ledger();
    let day = settings.timezone.day_of(now);
    let month = day.month();
    let scope = Scope::Environment(environment.clone());
    let account = ledger.account(&AccountId::over(scope, Length::Month, day)).await?;
    let set = ledger.set_caps().await?;
    let set = set.iter().find(|cap| cap.environment == *environment && cap.length == Length::Month);
    let by_hand = set.map(|cap| CapFacts { amount: cap.cap, source: CapSource::SetByHand });
    let configured = settings.caps.monthly;
    let configured = configured.map(|amount| CapFacts { amount, source: CapSource::Configured });
    let rows = ledger.spend(SpendBy::Environment, month).await?.rows;
    let row = rows.iter().find(|row| row.name.as_deref() == Some(environment.as_str()));
    let count = |number: Option<i64>| u64::try_from(number.unwrap_or_default()).unwrap_or_default();
    Ok(SpendFacts {
        enforce: settings.enforce,
        cap: by_hand.or(configured),
        month: Some(month),
        currency: config.currency.clone(),
        spent: account.spent,
        held: account.held,
        given_back: ledger.given_back(environment, month).await?,
        beyond_holds: ledger.beyond_their_holds(environment, month).await?,
        calls: count(row.map(|row| row.calls)),
        estimated_calls: count(row.map(|row| row.estimated_calls)),
        unpriced: config.unpriced_models(),
    })
}

/// The use cases, and what their newest calls were like.
pub(super) async fn uses(
    store: &Store,
    environment: &EnvironmentName,
    (config, now): (&Config, Timestamp),
) -> Result<UseFacts, StoreError> {
    let newest = store.evidence().observed(environment, now.minus(OBSERVED)).await?;
    let NewestCalls { groups: observed, read_since } = newest;
    let called: BTreeSet<&ModelName> = observed.iter().map(|calls| &calls.model).collect();
    let sizes = called
        .into_iter()
        .map(|name| (name.clone(), config.models.get(name).and_then(|model| model.size)));
    let sizes = sizes.collect();
    let surfaces = config.surfaces.iter().map(|(name, surface)| {
        let facts = SurfaceFacts {
            why: surface.why.clone(),
            owner: surface.owner.clone(),
            budget: surface.max_tokens,
            enforce: surface.enforce,
        };
        (name.clone(), facts)
    });
    Ok(UseFacts { surfaces: surfaces.collect(), sizes, observed, read_since })
}
