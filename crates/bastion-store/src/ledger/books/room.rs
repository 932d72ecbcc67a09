//! Is there room for what a call may cost, on every account that has a limit?
//!
//! It must never count what is held as spent: who has to wait is told apart from who never fits.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use std::collections::BTreeMap;

use bastion_types::{AccountId, EnvironmentName, Length, Money, Period, Scope};

use super::super::order::{Beyond, Cap, NotHeld, Prepaid, Shortage};
use super::account::{Place, Row, Rows};

/// Caps that operators set.
pub(in crate::ledger) type SetCaps = BTreeMap<(EnvironmentName, Length), i64>;

/// What limits a call, as its order says.
pub(super) struct Limits<'a> {
    pub(super) caps: &'a [Cap],
    pub(super) observed: &'a [Scope],
    pub(super) prepaid: Prepaid,
    /// They go before the order's own.
    pub(super) set_caps: &'a SetCaps,
}

impl Limits<'_> {
    /// Does every account that has a limit have room?
    pub(super) fn room(
        &self,
        rows: &Rows,
        (amount, places): (Money, &[Place]),
    ) -> Result<Room, Tight> {
        let (mut wait, mut unfit) = (None, None);
        let mut within = Vec::new();
        for place in places {
            let Some(row) = rows.at(*place) else { continue };
            let Some(cap) = self.cap(row) else { continue };
            within.push((*place, cap));
            let shortage = || Shortage {
                account: row.id.clone(),
                cap: Money::from_nanos(cap),
                spent: Money::from_nanos(row.sums.spent),
                held: Money::from_nanos(row.sums.held),
                asked: amount,
            };
            let spent = row.sums.spent.checked_add(amount.nanos());
            let never = spent.is_none_or(|spent| spent > cap);
            let all = spent.and_then(|spent| spent.checked_add(row.sums.held));
            let tight = all.is_none_or(|all| all > cap);
            // Who is only observed waits for nobody.
            match (self.observed.contains(&row.id.scope), never, tight) {
                (true, true, _) => {
                    unfit = unfit.or_else(|| Some(NotHeld::Spent(shortage()).into()));
                }
                (true, false, true) => {
                    unfit = unfit.or_else(|| Some(NotHeld::Reserved(shortage()).into()));
                }
                (false, true, _) => return Err(Tight::Never(NotHeld::Spent(shortage()))),
                (false, false, tight) if wait.is_none() && (row.waited_for || tight) => {
                    wait = Some(shortage());
                }
                (_, false, _) => {}
            }
        }
        wait.map_or(Ok(Room { within, unfit }), |shortage| Err(Tight::Wait(shortage)))
    }

    /// The limit of an account: what an operator set, else the configuration's; what was paid in.
    fn cap(&self, row: &Row) -> Option<i64> {
        if row.id == AccountId::BALANCE {
            return row.balance_refuses(self.prepaid).then_some(row.sums.credited);
        }
        self.set_cap(&row.id).or_else(|| {
            let own = self.caps.iter().find(|cap| cap.is_of(&row.id));
            own.map(|cap| cap.amount.nanos())
        })
    }

    fn set_cap(&self, id: &AccountId) -> Option<i64> {
        let Scope::Environment(environment) = &id.scope else { return None };
        let length = match id.period {
            Period::Ever => return None,
            Period::Day(_) => Length::Day,
            Period::Month(_) => Length::Month,
        };
        self.set_caps.get(&(environment.clone(), length)).copied()
    }
}

/// There is room.
pub(super) struct Room {
    /// Within these limits.
    pub(super) within: Vec<(Place, i64)>,
    /// The first account without, if its cap is only observed.
    pub(super) unfit: Option<Box<NotHeld>>,
}

/// Why there is no room.
pub(super) enum Tight {
    Never(NotHeld),
    Wait(Shortage),
}

impl Tight {
    /// A sum would pass what can be counted.
    pub(super) fn beyond() -> Tight {
        Tight::Never(NotHeld::unavailable(&Beyond.into()))
    }
}
