//! `observability.alerts`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct Alerts;

const CARD: Card = Card {
    id: "observability.alerts",
    sentence: "Alerts for: sustained 5xx rate above your SLO, sustained 429 rate, 402 \
         insufficient_funds, key revocation.",
    why: "nobody watches a dashboard at night",
    mend: "alert on bastion_calls_total by status in your own system; until alerts are built, \
         waive this box with where those are",
    proof: "each rule fired in a drill, and its receiver acknowledged it",
};

impl Check for Alerts {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("alerting")
    }
}
