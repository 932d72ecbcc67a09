//! `cost.spend-cap`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct SpendCap;

const CARD: Card = Card {
    id: "cost.spend-cap",
    sentence: "Per-environment monthly spend cap configured in the dashboard (so a runaway test \
         doesn't drain prod budget).",
    why: "one loop over a weekend can cost a month",
    mend: "set a cap at the provider; until caps are built, waive this box with how much it is",
    proof: "the ledger: at no instant of the month was spend above the cap",
};

impl Check for SpendCap {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("a cap on spending")
    }
}
