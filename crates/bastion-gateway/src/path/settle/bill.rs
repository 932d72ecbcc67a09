//! What a call cost: the price of every attempt's usage, known or estimated, rounded up.
//!
//! It must never be above the bound of its attempts: a report that says so is absurd, and marked.

use bastion_store::Marks;
use bastion_types::{Money, Usage};

use crate::path::relay::Relayed;
use crate::policy::Route;

/// What a call cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bill {
    /// None: nobody who was asked has a price.
    pub(super) amount: Option<Money>,
    pub(super) marks: Marks,
}

/// Works it out: of the attempt that was answered, and of those that nothing was heard of.
pub(super) fn bill(relayed: &Relayed, (own, lost): (&Usage, &Usage), each: Option<Money>) -> Bill {
    let answered = relayed.route.iter().filter(|_| relayed.reported.is_some() || worked(own));
    let answered = answered.map(|route| price(route, own, each));
    let unheard = relayed.lost.iter().map(|route| price(route, lost, each));
    let nothing = Bill { amount: each.map(|_| Money::ZERO), marks: Marks::NONE };
    answered.chain(unheard).fold(nothing, |sum, one| Bill {
        amount: match (sum.amount, one.amount) {
            (Some(sum), Some(one)) => sum.checked_add(one).or(Some(sum)),
            (sum, one) => sum.or(one),
        },
        marks: sum.marks.with(one.marks),
    })
}

/// Did the upstream do anything for it?
fn worked(usage: &Usage) -> bool {
    *usage != Usage::default()
}

fn price(route: &Route, usage: &Usage, each: Option<Money>) -> Bill {
    let Some(price) = route.price else { return Bill { amount: None, marks: Marks::NONE } };
    let estimated = Marks::ESTIMATED.when(usage.estimated);
    match (price.cost(usage), each) {
        (Some(cost), Some(most)) if cost > most => {
            Bill { amount: Some(most), marks: estimated.with(Marks::AT_THE_HOLD) }
        }
        (Some(cost), _) => Bill { amount: Some(cost), marks: estimated },
        // Beyond all counting.
        (None, most) => Bill { amount: most, marks: estimated.with(Marks::ABSURD_USAGE) },
    }
}
