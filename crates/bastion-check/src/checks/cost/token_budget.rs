//! `cost.token-budget`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct TokenBudget;

const CARD: Card = Card {
    id: "cost.token-budget",
    sentence: "Token budgets per call (max_tokens) set to the smallest reasonable value for each \
         surface.",
    why: "an answer without an end is paid to its end",
    mend: "send max_tokens with each call; models.*.max_output_tokens bounds them all. Until \
         surfaces are built, waive this box",
    proof: "the observed p99 of output tokens against each surface's budget",
};

impl Check for TokenBudget {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("limiting use cases to token budgets (surfaces)")
    }
}
