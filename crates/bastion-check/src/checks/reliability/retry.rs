//! `reliability.retry`, proved by the drill `retry`.
//!
//! It must never count a run of another configuration.

use super::super::Check;
use crate::card::Card;
use crate::drilled::drilled;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct Retry;

const CARD: Card = Card {
    id: "reliability.retry",
    sentence: "Retry wrapper in place for 429 and 5xx with exponential backoff and jitter.",
    why: "most failures of an upstream are over within seconds; callers should not see those",
    mend: "set [retry] attempts to 2 or more, then run the drill: bastion drill run retry",
    proof: "a drill: failures are injected, and the attempts' times must fit the policy",
};

impl Check for Retry {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, facts: &Facts) -> Proof {
        drilled(facts, "retry")
    }
}
