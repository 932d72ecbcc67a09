//! `drills.sustained-5xx`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct Sustained5xx;

const CARD: Card = Card {
    id: "drills.sustained-5xx",
    sentence: "You've tested the path where Bastion returns 5xx for sustained periods (chaos test \
         or a fault-injection switch).",
    why: "how an application fails is found out in a test or in public",
    mend: "let your application call 'bastion sim --script FILE' with answers of 503; until \
         fault injection is built, waive this box with when that was done",
    proof: "a drill's record: the application's probe stayed below 500",
};

impl Check for Sustained5xx {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("injecting faults into live calls")
    }
}
