//! `streaming.commit-clean`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct CommitClean;

const CARD: Card = Card {
    id: "streaming.commit-clean",
    sentence: "Client UI commits partial assistant output only after the stream ends cleanly.",
    why: "half an answer that was saved looks like a whole one tomorrow",
    mend: "commit at data: [DONE] or response.completed only; until the drill is built, waive \
         this box with where that is tested",
    proof: "a drill: a stream is dropped before the application's probe",
};

impl Check for CommitClean {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("the drill with a dropped stream before your application")
    }
}
