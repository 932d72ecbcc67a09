//! `reliability.retry-after`, proved by the drill `retry-after`.
//!
//! It must never count a run of another configuration.

use super::super::Check;
use crate::card::Card;
use crate::drilled::drilled;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct RetryAfter;

const CARD: Card = Card {
    id: "reliability.retry-after",
    sentence: "429 responses honor the Retry-After header.",
    why: "an upstream that is asked before its time answers 429 again, and may ask for longer waits",
    mend: "run the drill: bastion drill run retry-after",
    proof: "a drill: a 429 names 2 s, and no attempt comes before them",
};

impl Check for RetryAfter {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, facts: &Facts) -> Proof {
        drilled(facts, "retry-after")
    }
}
