//! `drills.key-revoked`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct KeyRevoked;

const CARD: Card = Card {
    id: "drills.key-revoked",
    sentence: "You've tested the path where the API key is revoked mid-traffic (401 cascade).",
    why: "a revoked key is either a leak or a slip, and both come without notice",
    mend: "make a key in staging, let your application use it, then: bastion keys revoke ID; \
         until fault injection is built, waive this box with when that was done",
    proof: "a drill's record: the application's probe stayed below 500",
};

impl Check for KeyRevoked {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("injecting faults into live calls")
    }
}
