//! Turns what was used into what is recorded, and gives back what was taken: tokens and the slot.
//!
//! It must never leave a call unsettled: what was not reported is estimated and marked.

use std::sync::Arc;

use bastion_types::{ModelName, Money, Usage};

use super::hold::Hold;
use super::relay::Relayed;
use crate::desk::Desk;
use crate::policy::ModelPolicy;

/// A call that is over and paid for.
#[must_use = "a settled call is recorded"]
pub(crate) struct Settlement {
    /// What the caller got.
    pub(crate) relayed: Relayed,
    /// What was used.
    pub(crate) usage: Usage,
    /// What it cost, where the model has a price.
    pub(crate) cost: Option<Money>,
    /// The model.
    pub(crate) model: Option<ModelName>,
    /// The end user's id.
    pub(crate) user: Option<String>,
}

/// Settles a call that was held.
pub(super) fn settle(desk: &Desk, hold: Hold, relayed: Relayed) -> Settlement {
    let Hold { screened, sent_bytes } = hold;
    let usage = used(&relayed, sent_bytes, screened.output_bound_tokens);
    screened.permit.settle_tokens(usage.total_tokens(), desk.gateway.tools.clock.monotonic());
    drop(screened.permit);
    let price = relayed.route.as_ref().and_then(|route| route.price);
    Settlement {
        cost: price.and_then(|price| price.cost(&usage)),
        relayed,
        usage,
        model: Some(screened.model.name.clone()),
        user: screened.user,
    }
}

/// A call for which nothing was held: it used nothing.
pub(super) fn unheld(
    relayed: Relayed,
    model: Option<&Arc<ModelPolicy>>,
    user: Option<String>,
) -> Settlement {
    let model = model.map(|model| model.name.clone());
    Settlement { relayed, usage: Usage::default(), cost: None, model, user }
}

/// As reported; else an estimate, where the upstream may have worked. Source: interface, Estimates.
fn used(relayed: &Relayed, sent_bytes: u64, output_bound_tokens: u64) -> Usage {
    if let Some(reported) = relayed.reported {
        return reported;
    }
    if !relayed.unknown {
        return Usage::default();
    }
    let estimate = Usage::estimate(sent_bytes, relayed.passed_bytes);
    if relayed.passed_bytes > 0 {
        return estimate;
    }
    // Nothing came back: it may have used all that it was allowed to.
    Usage { output_tokens: output_bound_tokens, ..estimate }
}
