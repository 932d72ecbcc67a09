//! `credentials.rotation`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct Rotation;

const CARD: Card = Card {
    id: "credentials.rotation",
    sentence: "Key rotation runbook documented and tested at least once.",
    why: "a rotation that was never tried is tried on the night of the leak",
    mend: "rotate a key with overlap: bastion keys rotate ID --overlap 24h; until rotations are \
         recorded, waive this box with when that was done",
    proof: "the record of the last rotation: every step, and no failed call during it",
};

impl Check for Rotation {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("the record of a rotation")
    }
}
