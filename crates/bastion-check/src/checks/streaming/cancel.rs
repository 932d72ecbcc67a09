//! `streaming.cancel`, proved by the drill `cancel`.
//!
//! It must never count a run of another configuration.

use super::super::Check;
use crate::card::Card;
use crate::drilled::drilled;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct Cancel;

const CARD: Card = Card {
    id: "streaming.cancel",
    sentence: "AbortController / cancellation tested end-to-end (user clicks \"stop\" → upstream \
         connection closes promptly).",
    why: "tokens that nobody reads still cost",
    mend: "run the drill: bastion drill run cancel",
    proof: "a drill: a caller leaves in the middle of a stream, and the upstream must see its \
         connection close within 100 ms",
};

impl Check for Cancel {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, facts: &Facts) -> Proof {
        drilled(facts, "cancel")
    }
}
