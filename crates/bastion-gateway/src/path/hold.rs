//! The hold: the most that a call may cost, set aside durably before anything of it is sent.
//!
//! No hold, no call. It must never set less aside than the call may cost. Box `cost.spend-cap`.

mod purse;
mod words;

use bastion_store::{HoldOrder, Labels, NotHeld, Payer, Ticket};
use bastion_types::{Bound, Money, Refusal, Timestamp};

use super::authenticate::Caller;
use super::door::Arrival;
use super::screen::{Screened, Turned};
use crate::desk::Desk;

pub(super) use purse::Purse;

/// A call that may be sent; what follows must end in `settle`.
#[must_use = "a hold that is not settled is never given back"]
pub(crate) struct Hold {
    /// The call as it will be sent.
    pub(super) screened: Screened,
    /// How much text is sent, in bytes.
    pub(super) text_bytes: u64,
    /// The most that an attempt uses; none where nothing bounds it.
    pub(super) most: Option<Bound>,
    /// The money that is set aside for it.
    pub(super) purse: Purse,
}

impl Hold {
    /// No attempt will be made any more: a held stream need not hold its prompt.
    pub(super) fn forget_body(&mut self) {
        self.screened.payload.forget();
    }
}

/// Sets the call's bound aside. A refusal gives the tokens back, not the request.
pub(super) async fn hold(
    desk: &Desk,
    caller: &Caller,
    arrival: &Arrival,
    mut screened: Screened,
) -> Result<Box<Hold>, Turned> {
    let most = screened.most();
    let each = most.and_then(|most| screened.cost_of(&most));
    let now = desk.gateway.tools.clock.now();
    let order = order(caller, (arrival, now), &screened, each);
    let ledger = desk.gateway.tools.store.ledger();
    let countable =
        has_places(desk, arrival).and_then(|()| countable(desk, caller, (&order, &screened), each));
    let held = match countable {
        Ok(observed) => {
            if let Some(observed) = observed {
                desk.gateway.tools.metrics.observed(&observed, &caller.key.environment);
                screened.about.observed.get_or_insert(observed.code());
            }
            match each {
                Some(_) => ask(desk, caller, arrival, order).await,
                None => Ok(ledger.count(order)),
            }
        }
        Err(refusal) => Err(refusal),
    };
    match held {
        Ok(ticket) => {
            let text_bytes = screened.payload.text_bytes;
            // Boxed: from here on it is handed from stage to stage.
            Ok(Box::new(Hold { screened, text_bytes, most, purse: Purse::new(ticket, each) }))
        }
        Err(refusal) => {
            let now = desk.gateway.tools.clock.monotonic();
            screened.permit.give_back_tokens(now);
            let standing = Some(screened.permit.standing_now(now));
            Err(Turned { refusal, standing, about: screened.about })
        }
    }
}

/// Nothing is sent whose charge, or whose record, would have to wait for a place: while the database is
/// away, or slower than calls come, that would be memory without a bound.
fn has_places(desk: &Desk, arrival: &Arrival) -> Result<(), Refusal> {
    let tools = &desk.gateway.tools;
    if !tools.store.ledger().is_full() && !tools.calls.is_full() {
        return Ok(());
    }
    tracing::warn!(request_id = %arrival.id, "too much waits for the database; the call is refused");
    Err(Refusal::LedgerUnavailable)
}

async fn ask(
    desk: &Desk,
    caller: &Caller,
    arrival: &Arrival,
    order: HoldOrder,
) -> Result<Ticket, Refusal> {
    let zone = &caller.environment.money.zone;
    let stop = desk.tasks.stop();
    let held = desk.gateway.tools.store.ledger().hold_until(order, stop.said()).await;
    held.map_err(|why| if stop.is_said() { Refusal::Stopped } else { refusal(arrival, &why, zone) })
}

/// Can it be known what the call costs at most, and that its price says all of it? Where no limit
/// stands nobody asks. What a configuration with caps keeps out may come by a cap that was set by
/// hand. Told is what is only observed.
fn countable(
    desk: &Desk,
    caller: &Caller,
    (order, screened): (&HoldOrder, &Screened),
    each: Option<Money>,
) -> Result<Option<Refusal>, Refusal> {
    let ledger = desk.gateway.tools.store.ledger();
    // Asked first: a look in between must not make a doubt a final word.
    let is_in_doubt = ledger.is_in_doubt();
    let refusal = match screened.uncovered() {
        Some(modifier) => words::uncovered(modifier, screened),
        None if each.is_none() => Refusal::CapExceeded { message: words::countless(screened) },
        None => return Ok(None),
    };
    if !ledger.limits(order) {
        return Ok(None);
    }
    // The balance is kept whatever is observed.
    if caller.environment.money.is_observed() && !ledger.balance_refuses(order.prepaid) {
        Ok(Some(refusal))
    } else if is_in_doubt {
        // Perhaps nothing limits it: that is no final word.
        Err(Refusal::LedgerUnavailable)
    } else {
        Err(refusal)
    }
}

fn order(
    caller: &Caller,
    (arrival, now): (&Arrival, Timestamp),
    screened: &Screened,
    each: Option<Money>,
) -> HoldOrder {
    let key = &caller.key;
    let money = &caller.environment.money;
    let payer = Payer {
        environment: key.environment.clone(),
        key_id: Some(key.id),
        surface: screened.about.surface.clone(),
        // Not of its arrival: calls pass one another on their way here.
        day: money.zone.day_of(now),
    };
    let surface = payer.surface.as_ref().and_then(|name| caller.policy.surface(name.as_str()));
    let surface = surface.map(|surface| surface.money).unwrap_or_default();
    let (caps, observed) = money.limits(&payer, surface, &key.bonds);
    HoldOrder {
        labels: Labels {
            service: Some(key.service.clone()),
            model: Some(screened.model.name.clone()),
            user: screened.about.user.clone(),
            ..Labels::default()
        },
        wait: money.hold_wait,
        prepaid: caller.policy.prepaid,
        caps,
        observed,
        ..HoldOrder::new(arrival.id, payer, each.unwrap_or_default())
    }
}

/// The refusal by a cap that is only observed, for a call that went on.
pub(super) fn observed(caller: &Caller, arrival: &Arrival, purse: &Purse) -> Option<Refusal> {
    let zone = &caller.environment.money.zone;
    purse.unfit().map(|why| refusal(arrival, &why, zone))
}

/// What the caller is told; the log is told more.
fn refusal(arrival: &Arrival, why: &NotHeld, zone: &bastion_types::Zone) -> Refusal {
    match why {
        NotHeld::Spent(short) => words::spent(short, zone),
        NotHeld::Reserved(short) => words::reserved(short),
        NotHeld::Unavailable { cause } => {
            tracing::warn!(request_id = %arrival.id, cause, "no money was set aside");
            Refusal::LedgerUnavailable
        }
    }
}
