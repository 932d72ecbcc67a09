//! `drills.credit-limit`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct CreditLimit;

const CARD: Card = Card {
    id: "drills.credit-limit",
    sentence: "You've tested the path where the account hits a hard credit limit (402 cascade — \
         your UI should degrade gracefully, not 500).",
    why: "an empty account should be a notice on the page, not a broken page",
    mend: "let your application call 'bastion sim --script FILE' with answers of 402; until \
         fault injection is built, waive this box with when that was done",
    proof: "a drill's record: the application's probe stayed below 500",
};

impl Check for CreditLimit {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("injecting faults into live calls")
    }
}
