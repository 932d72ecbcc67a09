//! Is there anything at all that limits a call? Kept in memory, so that a deployment without
//! limits has no wait for the disk before its calls.
//!
//! It must never say no where the ledger may have a limit: it is read again behind every change,
//! and while that cannot be done everything is limited.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use bastion_types::EnvironmentName;
use tokio::sync::Mutex;

use super::order::{HoldOrder, Prepaid};
use crate::StoreError;
use crate::database::Database;
use crate::statement::statement;

const PAID_IN: &str = "SELECT credited FROM ledger_accounts WHERE id = 'balance'";
const CAPPED: &str = "SELECT DISTINCT environment FROM ledger_caps";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[PAID_IN, CAPPED];

#[derive(Default)]
pub(super) struct Limited {
    known: ArcSwap<Known>,
    /// One look at a time: the one that began last is the one that stays.
    looking: Mutex<()>,
    /// How often something may have been written that no look has seen.
    doubts: AtomicU64,
}

#[derive(Default)]
struct Known {
    /// Doubts that this look came behind.
    doubts: u64,
    paid_in: bool,
    capped: HashSet<EnvironmentName>,
}

impl Limited {
    /// As the ledger has it now.
    pub(super) async fn read(&self, db: &Database) -> Result<(), StoreError> {
        let _alone = self.looking.lock().await;
        let doubts = self.doubts.load(Ordering::Acquire);
        let paid_in = db.row(statement(PAID_IN)).await?;
        let credited = paid_in.map(|row| row.number("credited")).transpose()?;
        let mut capped = HashSet::new();
        for row in db.rows(statement(CAPPED)).await? {
            let environment = EnvironmentName::parse(row.text("environment")?);
            capped.insert(environment.map_err(|_| StoreError::corrupt("a cap's environment"))?);
        }
        let paid_in = credited.is_some_and(|credited| credited != 0);
        self.known.store(Arc::new(Known { doubts, paid_in, capped }));
        Ok(())
    }

    /// A limit may have been written that cannot be looked for: until a look succeeds that begins
    /// from here on, every call counts as limited.
    pub(super) fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::AcqRel);
    }

    /// May there be a limit that was not looked for yet?
    pub(super) fn is_in_doubt(&self) -> bool {
        self.known.load().doubts != self.doubts.load(Ordering::Acquire)
    }

    /// Is there a balance that charges draw on?
    pub(super) fn has_balance(&self) -> bool {
        self.known.load().paid_in
    }

    /// Does the balance refuse what it does not hold?
    pub(super) fn balance_refuses(&self, prepaid: Prepaid) -> bool {
        match prepaid {
            Prepaid::Always => true,
            Prepaid::Auto => self.has_balance(),
            Prepaid::Never => false,
        }
    }

    pub(super) fn limits(&self, order: &HoldOrder) -> bool {
        let known = self.known.load();
        self.balance_refuses(order.prepaid)
            || self.is_in_doubt()
            || !order.caps.is_empty()
            || known.capped.contains(&order.payer.environment)
    }
}
