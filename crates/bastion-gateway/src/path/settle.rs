//! Turns what was used into what is recorded, and gives back what was taken: tokens and the slot.
//!
//! It must never leave a call unsettled: what was not reported is estimated and marked.

mod bill;
mod estimate;

use bastion_store::{Cost, Labels, Marks, Settled, StoreError};
use bastion_types::{AttemptCharge, Money, Price, RequestId, StreamOutcome, Usage};
use bastion_wire::Work;

use super::authenticate::Caller;
use super::door::Arrival;
use super::hold::{Hold, observed};
use super::relay::{Passed, Relayed};
use crate::about::About;
use crate::desk::Desk;
use bill::Terms;
use estimate::Allowance;

/// A call that is over and paid for.
#[must_use = "a settled call is recorded"]
pub(crate) struct Settlement {
    /// What the caller got.
    pub(crate) relayed: Relayed,
    /// What the attempt used that was answered; where none was, all of them.
    pub(crate) usage: Usage,
    /// What it cost, where the model has a price.
    pub(crate) cost: Option<Money>,
    /// What each attempt cost, where there are several to pay for.
    pub(crate) attempt_charges: Vec<AttemptCharge>,
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
    let Hold { mut screened, text_bytes, most, purse } = *hold;
    if let Some(refusal) = observed(caller, arrival, &purse) {
        screened.about.observed.get_or_insert(refusal.code());
        desk.gateway.tools.metrics.observed(&refusal, &caller.key.environment);
    }
    let allowance = Allowance::of(&screened, text_bytes, most);
    let own = used(&relayed, screened.work, &allowance);
    let lost = allowance.all();
    // Where nothing came of any attempt it is what all of them may have used.
    let came = relayed.reported.is_some() || relayed.passed.bytes > 0;
    let unheard = relayed.lost.iter().filter(|_| !came);
    let usage = unheard.fold(own, |sum, _| sum.plus(&lost));
    let rated = rated_tokens(&relayed, &own, &allowance);
    let nothing = screened.is_priced().then_some(Money::ZERO);
    screened.permit.settle_tokens(rated, desk.gateway.tools.clock.monotonic());
    drop(screened.permit);
    let terms = Terms { nothing, each: purse.each(), most };
    let bill = bill::bill(&relayed, (&own, &lost), terms);
    let attempt_charges = bill::attempt_charges(&relayed, (&own, &lost), terms);
    let labels = Labels {
        service: Some(caller.key.service.clone()),
        model: Some(screened.model.name.clone()),
        upstream: relayed.route.as_ref().map(|route| route.upstream.name.clone()),
        user: screened.about.user.clone(),
        stated_nanos: usage.stated_cost.map(Money::nanos),
        ..Labels::default()
    };
    let (amount, marks) = (bill.amount.unwrap_or_default(), bill.marks);
    if marks.has(Marks::AT_THE_HOLD) {
        // The ledger says less than the provider will bill.
        tracing::warn!(
            request_id = %arrival.id, model = %screened.model.name, %amount,
            input_tokens = own.input_tokens, output_tokens = own.output_tokens,
            "an upstream reported more than the call was bounded by; it is charged at its bound"
        );
    }
    let cost = Cost { amount, usage, marks, labels };
    let charging = purse.settle(desk.gateway.tools.store.ledger(), cost);
    let cost = bill.amount.map(|_| amount);
    let about = screened.about;
    let settlement = Settlement { cost, attempt_charges, settled: None, relayed, usage, about };
    charged(arrival.id, settlement, charging)
}

/// With the charge on its way to the disk.
async fn charged(
    id: RequestId,
    settlement: Settlement,
    charging: impl Future<Output = Result<Settled, StoreError>>,
) -> Settlement {
    match charging.await {
        Ok(settled) => {
            let cost = settlement.cost.map(|_| settled.amount());
            Settlement { cost, settled: Some(settled), ..settlement }
        }
        Err(cause) => {
            let amount = settlement.cost.unwrap_or_default();
            tracing::error!(
                request_id = %id, %amount, %cause,
                "a call could not be charged; what was set aside for it is swept at the next start"
            );
            settlement
        }
    }
}

/// A call for which nothing was held: it used nothing.
pub(super) fn unheld(relayed: Relayed, about: About) -> Settlement {
    let (usage, attempt_charges) = (Usage::default(), Vec::new());
    Settlement { relayed, usage, cost: None, attempt_charges, settled: None, about }
}

/// As reported; else an estimate, where the upstream may have worked. Source: interface, Estimates.
fn used(relayed: &Relayed, work: Work, allowance: &Allowance) -> Usage {
    let price = relayed.route.as_ref().and_then(|route| route.price.as_ref());
    // The text says what speech costs, once the upstream speaks.
    if matches!(work, Work::Speech { .. }) && relayed.unknown && relayed.passed.bytes > 0 {
        return Usage { estimated: false, ..allowance.all() };
    }
    match relayed.reported {
        Some(reported) if !is_early(relayed, &reported) => {
            completed(reported, (work, price), allowance)
        }
        None if !relayed.unknown => Usage::default(),
        Some(_) | None if relayed.passed.bytes > 0 => allowance.part(&relayed.passed, price),
        Some(_) | None => allowance.all(),
    }
}

/// A report that leaves out what its price goes by: the length of a recording that is paid by the
/// minute, the tokens of images that are paid by those.
fn completed(
    reported: Usage,
    (work, price): (Work, Option<&Price>),
    allowance: &Allowance,
) -> Usage {
    let Some(price) = price else { return reported };
    if let Work::Transcript { estimated_ms, .. } = work
        && price.per_audio_minute > Money::ZERO
        && reported.audio_ms == 0
    {
        return Usage { audio_ms: estimated_ms, estimated: true, ..reported };
    }
    if let Work::Images { .. } = work
        && price.dearest_output_per_million() > Money::ZERO
        && reported.total_tokens() == 0
    {
        return Usage { images: reported.images, ..allowance.all() };
    }
    reported
}

/// A report of nothing, from the beginning of a stream that was cut behind it.
fn is_early(relayed: &Relayed, reported: &Usage) -> bool {
    let is_cut = matches!(relayed.stream, StreamOutcome::Cancelled | StreamOutcome::Interrupted);
    let is_stream = relayed.first_event_ms.is_some();
    is_stream && is_cut && relayed.passed.bytes > 0 && reported.output_tokens == 0
}

/// What the call's attempts count as in the key's rate of tokens.
fn rated_tokens(relayed: &Relayed, own: &Usage, allowance: &Allowance) -> u64 {
    let own =
        if own.estimated { allowance.rated_tokens(&relayed.passed) } else { own.total_tokens() };
    let each = allowance.rated_tokens(&Passed::default());
    relayed.lost.iter().fold(own, |sum, _| sum.saturating_add(each))
}

#[cfg(test)]
mod tests {
    use super::estimate::tests::allowance;
    use super::*;

    fn left(reported: Usage, first_event_ms: Option<u64>) -> Relayed {
        Relayed {
            stream: StreamOutcome::Cancelled,
            reported: Some(reported),
            passed: Passed::whole(240_000),
            first_event_ms,
            unknown: true,
            ..Relayed::ended(200, None)
        }
    }

    #[test]
    fn a_whole_answers_report_stands_though_its_caller_has_just_left() {
        let work = Work::Transcript { estimated_ms: 15_000, bytes: 240_000 };
        let reported = Usage { audio_ms: 60_000, ..Usage::default() };
        assert_eq!(used(&left(reported, None), work, &allowance(work)), reported);
    }

    #[test]
    fn a_report_of_nothing_from_before_a_cut_is_none() {
        let work = Work::Text { limit_tokens: Some(100), answers: 1 };
        let reported = Usage { input_tokens: 7, ..Usage::default() };
        let usage = used(&left(reported, Some(3)), work, &allowance(work));
        assert_eq!((usage.estimated, usage.output_tokens), (true, 100));
    }

    #[test]
    fn speech_that_was_refused_used_nothing() {
        let work = Work::Speech { characters: 4000 };
        let refused = Relayed { passed: Passed::whole(40), ..Relayed::ended(422, None) };
        assert_eq!(used(&refused, work, &allowance(work)), Usage::default());
        let spoken = Relayed { unknown: true, ..refused };
        let expect = Usage { characters: 4000, ..Usage::default() };
        assert_eq!(used(&spoken, work, &allowance(work)), expect);
    }
}
