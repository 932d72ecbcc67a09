//! `reliability.stream-restart`, proved by the drill `stream-restart`.
//!
//! It must never count a run of another configuration.

use super::super::Check;
use crate::card::Card;
use crate::drilled::drilled;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct StreamRestart;

const CARD: Card = Card {
    id: "reliability.stream-restart",
    sentence: "Streaming requests retry the entire request on drop — no mid-stream resume.",
    why: "half of one answer and half of another is an answer that nobody gave",
    mend: "run the drill: bastion drill run stream-restart",
    proof: "a drill: streams are dropped at their first events and before their last",
};

impl Check for StreamRestart {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, facts: &Facts) -> Proof {
        drilled(facts, "stream-restart")
    }
}
