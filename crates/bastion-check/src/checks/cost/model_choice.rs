//! `cost.model-choice`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct ModelChoice;

const CARD: Card = Card {
    id: "cost.model-choice",
    sentence: "Model selection documented per use-case (don't default everything to the largest model).",
    why: "the largest model costs many times the one that would do",
    mend: "write down for each use case its model and why; until surfaces are built, waive this \
         box with where that stands",
    proof: "every surface with traffic has a reason, and not all traffic is on the largest model",
};

impl Check for ModelChoice {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("limiting use cases to models (surfaces)")
    }
}
