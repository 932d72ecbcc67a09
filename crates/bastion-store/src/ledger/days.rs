//! The latest day that each environment has counted on.
//!
//! It must never let a clock that jumped back reopen a day that is over, unseen.

use std::collections::HashMap;

use bastion_types::{CalendarDay, EnvironmentName};
use parking_lot::Mutex;

use super::marks::Marks;
use super::order::Payer;
use crate::StoreError;
use crate::database::Database;
use crate::statement::statement;

/// Days back within which the later day is believed. A clock that says more is believed itself:
/// then the later day was the mistake.
const BELIEVED_DAYS: i32 = 2;

/// Days of environments, as their accounts' texts say it. At most a few for each day and
/// environment there was.
const LATEST: &str = "SELECT id FROM ledger_accounts WHERE id > 'env/' AND id < 'env0'";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[LATEST];

#[derive(Default)]
pub(super) struct Days {
    latest: Mutex<HashMap<EnvironmentName, CalendarDay>>,
}

impl Days {
    /// As the ledger has them.
    pub(super) async fn read(db: &Database) -> Result<Days, StoreError> {
        let mut latest = HashMap::new();
        for row in db.rows(statement(LATEST)).await? {
            let text = row.text("id")?;
            let mut parts = text.split('/').skip(1);
            let environment = parts.next().and_then(|name| EnvironmentName::parse(name).ok());
            let day = parts.next().and_then(|day| CalendarDay::parse(day).ok());
            if let (Some(environment), Some(day)) = (environment, day) {
                let known = latest.entry(environment).or_insert(day);
                *known = day.max(*known);
            }
        }
        Ok(Days { latest: Mutex::new(latest) })
    }

    /// The day on which a call that begins now counts.
    pub(super) fn count_on(&self, payer: &Payer) -> (CalendarDay, Marks) {
        let mut latest = self.latest.lock();
        let Some(known) = latest.get_mut(&payer.environment) else {
            latest.insert(payer.environment.clone(), payer.day);
            return (payer.day, Marks::NONE);
        };
        let back = known.days_since(payer.day);
        if back > BELIEVED_DAYS {
            tracing::error!(
                environment = %payer.environment, clock = %payer.day, latest = %known,
                "the clock is days behind what was counted on; calls count on the clock's day"
            );
        }
        if back > 0 && back <= BELIEVED_DAYS {
            tracing::warn!(
                environment = %payer.environment, clock = %payer.day, latest = %known,
                "the clock went back over a day's end; calls count on the later day"
            );
            return (*known, Marks::CLOCK_WENT_BACK);
        }
        *known = payer.day;
        (payer.day, Marks::NONE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payer(day: &str) -> Payer {
        Payer {
            environment: EnvironmentName::parse("prod").unwrap(),
            key_id: None,
            surface: None,
            day: CalendarDay::parse(day).unwrap(),
        }
    }

    #[test]
    fn a_clock_that_goes_back_does_not_reopen_a_month() {
        let days = Days::default();
        let check = |clock: &str, expect: &str, marks: Marks| {
            let (day, told) = days.count_on(&payer(clock));
            assert_eq!((day.to_string().as_str(), told), (expect, marks), "{clock}");
        };
        check("2026-11-30", "2026-11-30", Marks::NONE);
        check("2026-12-01", "2026-12-01", Marks::NONE);
        check("2026-11-30", "2026-12-01", Marks::CLOCK_WENT_BACK);
        check("2026-12-01", "2026-12-01", Marks::NONE);
        check("2099-01-01", "2099-01-01", Marks::NONE);
        check("2026-12-02", "2026-12-02", Marks::NONE);
        check("2026-12-01", "2026-12-02", Marks::CLOCK_WENT_BACK);
    }
}
