//! Every box of the production checklist: a folder for each section, a file for each box.
//!
//! A check must never read anything but the facts, and its box is open unless they prove it.

mod cost;
mod credentials;
mod drills;
mod observability;
mod privacy;
mod reliability;
mod streaming;

use crate::card::Card;
use crate::facts::Facts;
use crate::proof::Proof;

/// What one box's file gives.
pub(crate) trait Check: Sync {
    /// What is said of the box whatever its verdict.
    fn card(&self) -> Card;
    /// Is it proved?
    fn prove(&self, facts: &Facts) -> Proof;
}

/// Every box, in the checklist's order.
pub(crate) const ALL: [&dyn Check; 26] = [
    &credentials::secret_store::SecretStore,
    &credentials::separate_keys::SeparateKeys,
    &credentials::rotation::Rotation,
    &credentials::redaction::Redaction,
    &reliability::retry::Retry,
    &reliability::retry_after::RetryAfter,
    &reliability::no_4xx_retry::No4xxRetry,
    &reliability::stream_restart::StreamRestart,
    &reliability::effects_once::EffectsOnce,
    &observability::dashboard::Dashboard,
    &observability::alerts::Alerts,
    &observability::sampled_logs::SampledLogs,
    &cost::spend_cap::SpendCap,
    &cost::model_choice::ModelChoice,
    &cost::low_balance::LowBalance,
    &cost::token_budget::TokenBudget,
    &streaming::no_buffering::NoBuffering,
    &streaming::commit_clean::CommitClean,
    &streaming::cancel::Cancel,
    &privacy::store_false::StoreFalse,
    &privacy::pii::Pii,
    &privacy::audit::Audit,
    &privacy::residency::ResidencyBox,
    &drills::sustained_5xx::Sustained5xx,
    &drills::key_revoked::KeyRevoked,
    &drills::credit_limit::CreditLimit,
];

/// What is said of every box, in the checklist's order.
pub fn cards() -> impl Iterator<Item = Card> {
    ALL.iter().map(|check| check.card())
}

#[cfg(test)]
mod tests {
    use bastion_types::BoxId;

    use super::*;
    use crate::sections::{SECTIONS, section_of};

    #[test]
    fn the_boxes_are_those_of_the_checklist_in_its_order() {
        let ids: Vec<&str> = cards().map(|card| card.id).collect();
        let expect: Vec<&str> = BoxId::all().map(BoxId::as_str).collect();
        assert_eq!(ids, expect);
        let mut sections: Vec<&str> = ids.iter().map(|id| section_of(id)).collect();
        sections.dedup();
        let titled: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
        assert_eq!(sections, titled);
    }

    #[test]
    fn every_card_says_something() {
        for card in cards() {
            for text in [card.sentence, card.why, card.mend, card.proof] {
                assert!(text.len() > 15, "{}: {text:?}", card.id);
                assert!(!text.contains("  "), "{}: {text:?}", card.id);
            }
            assert!(card.sentence.ends_with('.'), "{}", card.id);
        }
    }
}
