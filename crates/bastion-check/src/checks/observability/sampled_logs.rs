//! `observability.sampled-logs`.
//!
//! It must never be proved before what proves it is built.

use super::super::Check;
use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

pub(crate) struct SampledLogs;

const CARD: Card = Card {
    id: "observability.sampled-logs",
    sentence: "Sampled request/response logging (sampled, redacted, retained per your policy — \
         never log full PII-bearing prompts).",
    why: "without samples a bad answer cannot be looked into; with all of them the log is a leak",
    mend: "nothing to set: bodies are never logged; until samples are built, waive this box",
    proof: "canary data through the pipe is not in the store, and the oldest sample is younger \
         than the policy",
};

impl Check for SampledLogs {
    fn card(&self) -> Card {
        CARD
    }

    fn prove(&self, _facts: &Facts) -> Proof {
        Proof::not_built("keeping redacted samples of calls")
    }
}
