//! What a call may cost: the caps of its environment, and where its days and months end.
//!
//! It must never be wider than the configuration says.

use std::time::Duration;

use bastion_store::Cap;
use bastion_types::{EnvironmentName, Length, Money, Scope, Zone};

/// How long a call waits for what running calls hold, unless the configuration says otherwise.
const HOLD_WAIT: Duration = Duration::from_secs(2);

/// The money of an environment.
pub(crate) struct MoneyPolicy {
    /// Where its days and months end.
    pub(crate) zone: Zone,
    /// How long its calls wait for what running calls hold.
    pub(crate) hold_wait: Duration,
    monthly_cap: Option<Money>,
    daily_cap: Option<Money>,
}

impl MoneyPolicy {
    /// Nothing limits it but what operators set.
    pub(super) const OPEN: MoneyPolicy =
        MoneyPolicy { zone: Zone::UTC, hold_wait: HOLD_WAIT, monthly_cap: None, daily_cap: None };

    /// Its caps, as the ledger takes them.
    pub(crate) fn caps(&self, name: &EnvironmentName) -> Vec<Cap> {
        let both = [(Length::Month, self.monthly_cap), (Length::Day, self.daily_cap)];
        let cap = |(length, amount): (Length, Option<Money>)| {
            Some(Cap { scope: Scope::Environment(name.clone()), length, amount: amount? })
        };
        both.into_iter().filter_map(cap).collect()
    }
}
