//! `privacy.audit`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct Audit;

const CARD: Card = Card {
    id: "privacy.audit",
    sentence: "Audit logging for which user prompted which call (your own user ID → Bastion call), \
         separate from request bodies.",
    why: "'who asked for that' must have an answer months later",
    mend: "send the end user's id with each call (user, safety_identifier or bastion-user): \
         records of calls keep it for 35 days. Until the audit log is built, waive this box",
    proof: "the audit log's chain is whole, and the share of calls with a user's id is known",
};

impl Check for Audit {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("the audit log")
    }
}
