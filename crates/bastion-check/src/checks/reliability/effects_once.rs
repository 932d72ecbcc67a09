//! `reliability.effects-once`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct EffectsOnce;

const CARD: Card = Card {
    id: "reliability.effects-once",
    sentence: "Downstream side effects (billing, emails, DB writes) are guarded against duplicate \
         execution if the same Bastion call is retried.",
    why: "a call that is sent twice must not bill or mail twice",
    mend: "guard each effect by the call's id in your service; until effect claims are built, \
         waive this box with where that is done",
    proof: "a drill: 50 repeats at once make one upstream call, one charge and one claim",
};

impl Check for EffectsOnce {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("guarding effects (Idempotency-Key, effect claims)")
    }
}
