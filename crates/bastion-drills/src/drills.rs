//! Every drill: a file each.
//!
//! A drill must never be a pass because nothing happened: it says what it saw.

mod cancel;
mod no_4xx_retry;
mod retry;
mod retry_after;
mod store_false;
mod stream_restart;

use std::future::Future;
use std::pin::Pin;

use bastion_observe::KnownDrill;

use crate::course::Course;
use crate::findings::Missed;

/// A drill on its way: what was shown, in a sentence.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Result<String, Missed>> + Send + 'a>>;

/// What one drill's file gives.
pub(crate) trait Drill: Sync {
    /// What is said of it.
    fn card(&self) -> KnownDrill;
    /// Runs it. The future may be dropped at any moment.
    fn run<'a>(&'a self, course: &'a Course<'a>) -> Running<'a>;
}

/// Every drill, in the order of the boxes that they prove.
pub(crate) const ALL: [&dyn Drill; 6] = [
    &retry::Retry,
    &retry_after::RetryAfter,
    &no_4xx_retry::No4xxRetry,
    &stream_restart::StreamRestart,
    &cancel::Cancel,
    &store_false::StoreFalse,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use bastion_types::BoxId;

    use super::*;

    #[test]
    fn every_drill_has_a_name_of_its_own_and_proves_a_box() {
        let cards: Vec<KnownDrill> = ALL.iter().map(|drill| drill.card()).collect();
        let names: HashSet<&str> = cards.iter().map(|card| card.name).collect();
        assert_eq!(names.len(), ALL.len());
        for card in cards {
            assert!(BoxId::parse(card.box_id).is_some(), "{}", card.box_id);
            assert!(card.harmless, "{}: what is not, needs a word of its own", card.name);
        }
    }
}
