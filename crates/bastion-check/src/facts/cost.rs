//! What money, models and token budgets are, as checks may look at them.
//!
//! It must never hold more than sums: no call, no prompt, no word of a caller's but a use case's name.

use std::collections::BTreeMap;

use bastion_config::{Size, TokenBudget};
use bastion_store::{BeyondHolds, ObservedCalls};
use bastion_types::{
    CalendarMonth, Enforce, EnvironmentName, ModelName, Money, SurfaceName, Timestamp,
};

use crate::proof::Proof;

/// What an environment may spend, and spent, in the month that runs where it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct SpendFacts {
    /// Are refusals of the environment applied?
    pub(crate) enforce: Enforce,
    /// The month's cap; none: there is none.
    pub(crate) cap: Option<CapFacts>,
    /// The month; none where nothing is known.
    pub(crate) month: Option<CalendarMonth>,
    /// The deployment's currency.
    pub(crate) currency: String,
    /// Charged in the month.
    pub(crate) spent: Money,
    /// Set aside for calls that run.
    pub(crate) held: Money,
    /// Taken from what was charged, by refunds and corrections.
    pub(crate) given_back: Money,
    /// Calls that were charged.
    pub(crate) calls: u64,
    /// Those of them whose charge is an estimate.
    pub(crate) estimated_calls: u64,
    /// Charges at their holds: more was reported than the call was bounded by.
    pub(crate) beyond_holds: BeyondHolds,
    /// Models that have no price at one of their upstreams.
    pub(crate) unpriced: Vec<ModelName>,
}

/// A month's cap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CapFacts {
    /// How much.
    pub(crate) amount: Money,
    /// Where it stands.
    pub(crate) source: CapSource,
}

/// Where a cap stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CapSource {
    /// In the configuration.
    Configured,
    /// An operator set it in place of the configuration's.
    SetByHand,
}

/// The use cases and what their calls were like.
#[derive(Debug, Clone, Default)]
pub(crate) struct UseFacts {
    /// The use cases.
    pub(crate) surfaces: BTreeMap<SurfaceName, SurfaceFacts>,
    /// How large each model that was called is, where that is said.
    pub(crate) sizes: BTreeMap<ModelName, Option<Size>>,
    /// The environment's newest calls of the last days.
    pub(crate) observed: Vec<ObservedCalls>,
    /// Where those are not all of them, when the oldest came; none: they are.
    pub(crate) read_since: Option<Timestamp>,
}

/// A use case.
#[derive(Debug, Clone)]
pub(crate) struct SurfaceFacts {
    /// Why its models.
    pub(crate) why: String,
    /// Who answers for it.
    pub(crate) owner: String,
    /// How long its answers may be.
    pub(crate) budget: TokenBudget,
    /// Are its refusals applied?
    pub(crate) enforce: Enforce,
}

impl SpendFacts {
    /// The month's name.
    pub(crate) fn month(&self) -> String {
        self.month.map_or_else(|| "this month".to_owned(), |month| month.to_string())
    }
}

/// Of a hundred calls so many may name no use case: a person's trial is no service.
const MOST_UNNAMED_PERCENT: u64 = 1;

impl UseFacts {
    /// Calls of a group.
    pub(crate) fn calls_of(group: &ObservedCalls) -> u64 {
        group.calls
    }

    /// Calls of a group that made text, or should have.
    pub(crate) fn texts_of(group: &ObservedCalls) -> u64 {
        group.text.calls.max(group.ended_empty)
    }

    /// Of when the observed calls are, to be said behind what was counted of them.
    pub(crate) fn period(&self) -> String {
        self.read_since.map_or_else(
            || "of the last 7 days".to_owned(),
            |since| format!("since {since} (older ones were left unread)"),
        )
    }

    /// Why nothing can be said of use cases: none is written down, nothing was called, or calls
    /// named none of them.
    pub(crate) fn unnamed(
        &self,
        environment: &EnvironmentName,
        counted: fn(&ObservedCalls) -> u64,
    ) -> Option<Proof> {
        if self.surfaces.is_empty() {
            let reason = "no use case is written down: nothing says which model is for what, and \
                          how long its answers may be";
            return Some(Proof::missing(reason));
        }
        let all = self.observed.iter().map(counted).fold(0, u64::saturating_add);
        let period = self.period();
        if all == 0 {
            let reason = format!(
                "no evidence: no call of {environment} was answered with text, of those {period}"
            );
            return Some(Proof::missing(reason).mend("let each use case make its calls"));
        }
        let nameless = self.nameless(counted);
        if nameless.saturating_mul(100) <= all.saturating_mul(MOST_UNNAMED_PERCENT) {
            return None;
        }
        let reason = format!(
            "{nameless} of {all} answers {period} belong to no use case that is written down"
        );
        let mend = format!(
            "bind each service's key to its use case (bastion keys create --surface NAME), or set \
             require_surface = true in [environments.{environment}]"
        );
        Some(Proof::missing(reason).mend(mend))
    }

    /// What is counted of groups that named no use case, or one that is not written down.
    pub(crate) fn nameless(&self, counted: fn(&ObservedCalls) -> u64) -> u64 {
        let groups = self.observed.iter().filter(|group| self.surface(group).is_none());
        groups.map(counted).fold(0, u64::saturating_add)
    }

    /// The use case of a group, if it is written down.
    fn surface(&self, group: &ObservedCalls) -> Option<&SurfaceFacts> {
        let name = SurfaceName::parse(group.surface.as_deref()?).ok()?;
        self.surfaces.get(&name)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use bastion_store::{KeyBonds, KeyRecord, ObservedText};
    use bastion_types::{KeyId, OrganizationName, ServiceName};

    use super::*;

    /// A key of `prod` that is held to every rule.
    pub(crate) fn key(id: &str) -> KeyRecord {
        KeyRecord {
            id: KeyId::parse(id).unwrap(),
            organization: OrganizationName::parse("default").unwrap(),
            environment: EnvironmentName::parse("prod").unwrap(),
            service: ServiceName::parse("web").unwrap(),
            created_at: Timestamp::parse("2026-11-25T12:00:00Z").unwrap(),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            rpm: None,
            tpm: None,
            concurrency: None,
            bonds: KeyBonds::default(),
            secrets: Vec::new(),
        }
    }

    /// A use case that is written down.
    pub(crate) fn surface(name: &str) -> (SurfaceName, SurfaceFacts) {
        let facts = SurfaceFacts {
            why: "short answers".to_owned(),
            owner: "support".to_owned(),
            budget: TokenBudget::default(),
            enforce: Enforce::On,
        };
        (SurfaceName::parse(name).unwrap(), facts)
    }

    /// So many calls of a use case.
    pub(crate) fn observed(surface: Option<&str>, model: &str, calls: u64) -> ObservedCalls {
        ObservedCalls {
            surface: surface.map(str::to_owned),
            model: ModelName::parse(model).unwrap(),
            calls,
            ended_empty: 0,
            text: ObservedText::default(),
        }
    }
}
