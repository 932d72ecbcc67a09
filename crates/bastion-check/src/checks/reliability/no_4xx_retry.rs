//! `reliability.no-4xx-retry`, proved by the drill `no-4xx-retry`.
//!
//! It must never count a run of another configuration.

use super::super::Check;
use crate::card::Card;
use crate::drilled::drilled;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct No4xxRetry;

const CARD: Card = Card {
    id: "reliability.no-4xx-retry",
    sentence: "No retry-on-4xx (other than 429).",
    why: "a request that is wrong stays wrong, and each try costs time, rates and perhaps money",
    mend: "run the drill: bastion drill run no-4xx-retry",
    proof: "a drill: 400, 401, 402, 403, 404, 413 and 422 get one attempt each",
};

impl Check for No4xxRetry {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, facts: &Facts) -> Proof {
        drilled(facts, "no-4xx-retry")
    }
}
