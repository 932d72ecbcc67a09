//! `credentials.redaction`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct Redaction;

const CARD: Card = Card {
    id: "credentials.redaction",
    sentence: "Logs, error reports, and metrics tags are redacted to never include the raw key.",
    why: "a log is read by more people than a secrets manager",
    mend: "nothing to set: every sink is behind the redactor; until its drill is built, waive \
         this box",
    proof: "a canary key is sent through every error path, and every sink is searched for it",
};

impl Check for Redaction {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("the drill that searches every sink for a canary key")
    }
}
