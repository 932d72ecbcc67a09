//! `privacy.pii`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct Pii;

const CARD: Card = Card {
    id: "privacy.pii",
    sentence: "Prompts containing personally identifiable information are redacted or scoped per \
         your data agreement before send.",
    why: "what was sent cannot be called back",
    mend: "redact before you call; until screening is built, waive this box with where that is done",
    proof: "canaries of every type are sent through every endpoint, and the upstream's copy is \
         searched",
};

impl Check for Pii {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("screening for personal data")
    }
}
