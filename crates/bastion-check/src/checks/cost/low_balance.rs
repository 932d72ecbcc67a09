//! `cost.low-balance`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct LowBalance;

const CARD: Card = Card {
    id: "cost.low-balance",
    sentence: "Auto-recharge or low-balance alerts wired up to billing — 402 should never be the \
         way you learn you ran out of credit.",
    why: "an empty account stops every service at once",
    mend: "turn on the provider's low-balance mail; until balance alerts are built, waive this \
         box with who gets it",
    proof: "a drill: the balance is driven over the threshold, and alert or recharge come before \
         the first 402",
};

impl Check for LowBalance {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("alerting on a low balance")
    }
}
