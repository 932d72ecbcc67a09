//! `privacy.store-false`, proved by the drill `store-false`.
//!
//! It must never count a run of another configuration.

use super::super::Check;
use crate::card::Card;
use crate::drilled::drilled;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct StoreFalse;

const CARD: Card = Card {
    id: "privacy.store-false",
    sentence: "responses endpoint usage always sets store: false (required by the API).",
    why: "what is stored at the upstream is out of reach of your own retention",
    mend: "run the drill: bastion drill run store-false",
    proof: "a drill: a canary's bytes are looked at where they arrive, and what asks for state \
         is refused",
};

impl Check for StoreFalse {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, facts: &Facts) -> Proof {
        drilled(facts, "store-false")
    }
}
