//! Turns what was used into what is recorded, and gives back what was taken: tokens and the slot.
//!
//! It must never leave a call unsettled: what was not reported is estimated and marked.

mod bill;

use bastion_store::{Cost, Labels, Settled, StoreError};
use bastion_types::{Money, StreamOutcome, Usage};
use bastion_wire::Work;

use super::authenticate::Caller;
use super::door::Arrival;
use super::hold::{Hold, observed};
use super::relay::Relayed;
use crate::about::About;
use crate::desk::Desk;
use bill::Terms;

/// A call that is over and paid for.
#[must_use = "a settled call is recorded"]
pub(crate) struct Settlement {
    /// What the caller got.
    pub(crate) relayed: Relayed,
    /// What was used.
    pub(crate) usage: Usage,
    /// What it cost, where the model has a price.
    pub(crate) cost: Option<Money>,
    /// The charge on its way to the disk; none where there is none.
    pub(crate) settled: Option<Settled>,
    /// Model, surface and user.
    pub(crate) about: About,
}

/// Settles a call that was held: its slot first, then its money.
///
/// What is only needed to reckon is gone before anything is waited for.
pub(super) fn settle(
    desk: &Desk,
    (caller, arrival): (&Caller, &Arrival),
    hold: Box<Hold>,
    relayed: Relayed,
) -> impl Future<Output = Settlement> + use<> {
    let Hold { mut screened, text_bytes, purse } = *hold;
    if let Some(refusal) = observed(caller, arrival, &purse) {
        screened.about.observed.get_or_insert(refusal.code());
        desk.gateway.tools.metrics.observed(&refusal, &caller.key.environment);
    }
    let bounds = (text_bytes, screened.output_bound_tokens);
    let own = timed(&relayed, screened.work, used(&relayed, screened.work, bounds));
    let lost = unheard(screened.work, bounds);
    let usage = relayed.lost.iter().fold(own, |sum, _| sum.plus(&lost));
    let nothing = screened.is_priced().then_some(Money::ZERO);
    screened.permit.settle_tokens(usage.total_tokens(), desk.gateway.tools.clock.monotonic());
    drop(screened.permit);
    let terms = Terms { nothing, each: purse.each() };
    let bill = bill::bill(&relayed, (&own, &lost), terms);
    let labels = Labels {
        service: Some(caller.key.service.clone()),
        model: Some(screened.model.name.clone()),
        upstream: relayed.route.as_ref().map(|route| route.upstream.name.clone()),
        user: screened.about.user.clone(),
        stated_nanos: usage.stated_cost.map(Money::nanos),
        ..Labels::default()
    };
    let (amount, marks) = (bill.amount.unwrap_or_default(), bill.marks);
    let cost = Cost { amount, usage, marks, labels };
    let charging = purse.settle(desk.gateway.tools.store.ledger(), cost);
    let cost = bill.amount.map(|_| amount);
    let settlement = Settlement { cost, settled: None, relayed, usage, about: screened.about };
    charged(settlement, charging)
}

/// With the charge on its way to the disk.
async fn charged(
    settlement: Settlement,
    charging: impl Future<Output = Result<Settled, StoreError>>,
) -> Settlement {
    match charging.await {
        Ok(settled) => {
            let cost = settlement.cost.map(|_| settled.amount());
            Settlement { cost, settled: Some(settled), ..settlement }
        }
        Err(cause) => {
            tracing::error!(%cause, "a call could not be charged; its hold is swept later");
            settlement
        }
    }
}

/// An attempt of which nothing was heard may have used all that it was allowed to.
fn unheard(work: Work, bounds: (u64, u64)) -> Usage {
    let nothing = Relayed::ended(0, None);
    Usage { estimated: true, ..estimated(&nothing, work, bounds) }
}

/// A call for which nothing was held: it used nothing.
pub(super) fn unheld(relayed: Relayed, about: About) -> Settlement {
    Settlement { relayed, usage: Usage::default(), cost: None, settled: None, about }
}

/// As reported; else an estimate, where the upstream may have worked. Source: interface, Estimates.
fn used(relayed: &Relayed, work: Work, bounds: (u64, u64)) -> Usage {
    if let Work::Speech { characters } = work
        && relayed.passed_bytes > 0
    {
        // The text says what speech costs, once the upstream speaks.
        return Usage { characters, ..Usage::default() };
    }
    match relayed.reported {
        Some(reported) if !is_early(relayed, &reported) => reported,
        None if !relayed.unknown => Usage::default(),
        Some(_) | None => estimated(relayed, work, bounds),
    }
}

/// A recording that is paid by the minute, and whose report says no length, is as long as its bytes
/// make likely.
fn timed(relayed: &Relayed, work: Work, usage: Usage) -> Usage {
    let Work::Transcript { estimated_ms, .. } = work else { return usage };
    let price = relayed.route.as_ref().and_then(|route| route.price.as_ref());
    let by_the_minute = price.is_some_and(|price| price.per_audio_minute > Money::ZERO);
    if by_the_minute && relayed.reported.is_some() && usage.audio_ms == 0 {
        return Usage { audio_ms: estimated_ms, estimated: true, ..usage };
    }
    usage
}

/// A report of nothing, from the beginning of a stream that was cut behind it.
fn is_early(relayed: &Relayed, reported: &Usage) -> bool {
    let is_cut = matches!(relayed.stream, StreamOutcome::Cancelled | StreamOutcome::Interrupted);
    is_cut && relayed.passed_bytes > 0 && reported.output_tokens == 0
}

fn estimated(
    relayed: &Relayed,
    work: Work,
    (text_bytes, output_bound_tokens): (u64, u64),
) -> Usage {
    let estimated = Usage { estimated: true, ..Usage::default() };
    match work {
        Work::Speech { characters } => Usage { characters, ..estimated },
        Work::Images { count } => Usage { images: count, ..estimated },
        Work::Transcript { estimated_ms, .. } => Usage { audio_ms: estimated_ms, ..estimated },
        Work::Vectors => Usage::estimate(text_bytes, 0),
        Work::Text { .. } if relayed.passed_bytes > 0 => {
            Usage::estimate(text_bytes, relayed.passed_bytes)
        }
        // Nothing came back: it may have used all that it was allowed to.
        Work::Text { .. } => {
            Usage { output_tokens: output_bound_tokens, ..Usage::estimate(text_bytes, 0) }
        }
    }
}
