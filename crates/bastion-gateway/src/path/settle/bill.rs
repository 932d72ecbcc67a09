//! What a call cost: the price of every attempt's usage, known or estimated, rounded up.
//!
//! It must never be above the bound of its attempts: a report that says so is absurd, and marked.

use bastion_store::Marks;
use bastion_types::{AttemptCharge, Bound, Money, Usage};

use crate::path::relay::Relayed;
use crate::policy::Route;

/// What a call cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bill {
    /// None: nobody who was asked has a price.
    pub(super) amount: Option<Money>,
    pub(super) marks: Marks,
}

/// What a bill goes by beside the usage.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// What a call costs for which nobody worked; none: somebody who was asked has no price.
    pub(super) nothing: Option<Money>,
    /// The most that an attempt costs; none where nothing bounds it.
    pub(super) each: Option<Money>,
    /// The most that an attempt uses; none where nothing bounds it.
    pub(super) most: Option<Bound>,
}

/// Works it out: of the attempts that nothing was heard of, which may have used `all`, and of the one
/// that was answered.
pub(super) fn bill(relayed: &Relayed, used: (&Usage, &Usage), terms: Terms) -> Bill {
    let nothing = Bill { amount: terms.nothing, marks: Marks::NONE };
    attempts(relayed, used, terms).fold(nothing, |sum, (_, one)| Bill {
        amount: match (sum.amount, one.amount) {
            (Some(sum), Some(one)) => sum.checked_add(one).or(Some(sum)),
            (sum, one) => sum.or(one),
        },
        marks: sum.marks.with(one.marks),
    })
}

/// What each of several attempts cost; empty where there is one or none to pay for.
pub(super) fn attempt_charges(
    relayed: &Relayed,
    used: (&Usage, &Usage),
    terms: Terms,
) -> Vec<AttemptCharge> {
    if relayed.lost.is_empty() {
        return Vec::new();
    }
    let charges = attempts(relayed, used, terms).filter_map(|(route, bill)| {
        let estimated = bill.marks.has(Marks::ESTIMATED);
        Some(AttemptCharge { upstream: route.upstream.name.clone(), cost: bill.amount?, estimated })
    });
    let charges: Vec<_> = charges.collect();
    if charges.len() > 1 { charges } else { Vec::new() }
}

/// Those that are paid for, in order.
fn attempts<'a>(
    relayed: &'a Relayed,
    (own, all): (&'a Usage, &'a Usage),
    terms: Terms,
) -> impl Iterator<Item = (&'a Route, Bill)> {
    let lost = relayed.lost.iter().map(move |route| (&**route, unheard(route, all, terms)));
    let answered = relayed.route.iter().filter(move |_| relayed.reported.is_some() || worked(own));
    let nothing_came = relayed.reported.is_none() && relayed.passed.bytes == 0;
    let reckon = if nothing_came { unheard } else { price };
    lost.chain(answered.map(move |route| (&**route, reckon(route, own, terms))))
}

/// Did the upstream do anything for it?
fn worked(usage: &Usage) -> bool {
    *usage != Usage::default()
}

/// It costs what was held for it at this route, as a sweep would charge.
fn unheard(route: &Route, all: &Usage, terms: Terms) -> Bill {
    let most = route.price.as_ref().zip(terms.most).and_then(|(price, most)| most.cost(price));
    match most {
        Some(most) => Bill { amount: Some(most), marks: Marks::ESTIMATED },
        None => price(route, all, terms),
    }
}

fn price(route: &Route, usage: &Usage, terms: Terms) -> Bill {
    let Some(price) = route.price else { return Bill { amount: None, marks: Marks::NONE } };
    let marks = Marks::ESTIMATED.when(usage.estimated);
    match (price.cost(usage), terms.each) {
        (Some(cost), Some(most)) if cost > most => {
            // Only a report can say too much.
            let absurd = Marks::AT_THE_HOLD.when(!usage.estimated);
            Bill { amount: Some(most), marks: marks.with(absurd) }
        }
        (Some(cost), _) => Bill { amount: Some(cost), marks },
        // Beyond all counting.
        (None, most) => {
            let absurd = Marks::ABSURD_USAGE.with(Marks::AT_THE_HOLD.when(most.is_some()));
            Bill { amount: most, marks: marks.with(absurd) }
        }
    }
}
