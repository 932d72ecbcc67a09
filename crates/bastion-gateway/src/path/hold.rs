//! The hold: the most that a call may cost, set aside durably before anything of it is sent.
//!
//! No hold, no call. It must never set less aside than the call may cost. Box `cost.spend-cap`.

mod purse;
mod words;

use bastion_store::{HoldOrder, Labels, NotHeld, Payer};
use bastion_types::{Money, Refusal};

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
    screened: Screened,
) -> Result<Hold, Turned> {
    let each = screened.bound();
    let order = order(caller, arrival, &screened, each);
    let ledger = desk.gateway.tools.store.ledger();
    let held = if each.is_none() && ledger.limits(&order) {
        // A configuration with caps does not load like this; a cap that was set by hand may be.
        Err(Refusal::CapExceeded { message: words::countless(&screened) })
    } else {
        let zone = &caller.policy.money(&caller.key.environment).zone;
        ledger.hold(order).await.map_err(|why| refusal(arrival, &why, zone))
    };
    match held {
        Ok(ticket) => {
            let text_bytes = screened.payload.text_bytes;
            Ok(Hold { screened, text_bytes, purse: Purse::new(ticket, each) })
        }
        Err(refusal) => {
            let now = desk.gateway.tools.clock.monotonic();
            screened.permit.give_back_tokens(now);
            let standing = Some(screened.permit.standing_now(now));
            Err(Turned { refusal, standing, about: screened.about })
        }
    }
}

fn order(
    caller: &Caller,
    arrival: &Arrival,
    screened: &Screened,
    each: Option<Money>,
) -> HoldOrder {
    let key = &caller.key;
    let money = caller.policy.money(&key.environment);
    let payer = Payer {
        environment: key.environment.clone(),
        key_id: Some(key.id),
        surface: screened.about.surface.clone(),
        day: money.zone.day_of(arrival.at),
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
    let zone = &caller.policy.money(&caller.key.environment).zone;
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
