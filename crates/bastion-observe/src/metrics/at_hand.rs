//! Counters that were found once and are kept at hand: a call need not look for them by their
//! labels again.
//!
//! It must never outlive what the redactor knows: a secret that is learnt later may stand in a label.

use parking_lot::RwLock;

/// Most that is kept; beyond it the list begins anew. The operators' names times the ways in which
/// calls end are mostly a few.
const MAX_AT_HAND: usize = 64;

/// What is found by a look through a short list.
pub(super) struct AtHand<T> {
    list: RwLock<Vec<(u64, T)>>,
}

impl<T> Default for AtHand<T> {
    fn default() -> AtHand<T> {
        AtHand { list: RwLock::new(Vec::new()) }
    }
}

impl<T> AtHand<T> {
    /// Uses the one that `is` right and was made in the same `state` of the redactor; false if
    /// there is none.
    pub(super) fn with(&self, state: u64, is: impl Fn(&T) -> bool, with: impl FnOnce(&T)) -> bool {
        let list = self.list.read();
        let found = list.iter().find(|(of_state, kept)| *of_state == state && is(kept));
        found.map(|(_, kept)| with(kept)).is_some()
    }

    /// Keeps one for the next time.
    pub(super) fn keep(&self, state: u64, kept: T) {
        let mut list = self.list.write();
        if list.len() >= MAX_AT_HAND {
            list.clear();
        }
        list.push((state, kept));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_in_its_state_alone_and_there_is_an_end_to_it() {
        let at_hand = AtHand::default();
        let has = |state, wanted: usize| at_hand.with(state, |kept| *kept == wanted, |_| {});
        for number in 0..MAX_AT_HAND {
            at_hand.keep(1, number);
        }
        assert!(has(1, 0) && has(1, MAX_AT_HAND - 1) && !has(1, MAX_AT_HAND) && !has(2, 0));
        at_hand.keep(2, 0);
        assert!(has(2, 0) && !has(1, 0) && !has(1, 1));
    }
}
