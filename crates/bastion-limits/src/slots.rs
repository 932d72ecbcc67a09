//! Calls at the same time: an exact count of the slots that are taken.
//!
//! It must never count a slot that nobody holds: whoever takes one gives it back exactly once.

use std::sync::atomic::{AtomicU32, Ordering};

/// The slots of one key.
#[derive(Debug)]
pub(crate) struct Slots {
    limit: u32,
    /// Nothing else is published through this word, so `Relaxed` is enough everywhere.
    taken: AtomicU32,
}

impl Slots {
    pub(crate) fn new(limit: u32) -> Slots {
        Slots { limit, taken: AtomicU32::new(0) }
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit
    }

    /// How many are taken at this moment; by the time of the answer it may be another number.
    pub(crate) fn seem_taken(&self) -> u32 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Takes a slot if one is free.
    pub(crate) fn take(&self) -> bool {
        let one_more = |taken: u32| (taken < self.limit).then(|| taken.saturating_add(1));
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// Takes one even where none is free.
    pub(crate) fn take_anyway(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives back a slot that was taken.
    pub(crate) fn give_back(&self) {
        self.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_taken_is_not_taken_twice() {
        let slots = Slots::new(1);
        assert!(slots.take());
        assert_eq!(slots.seem_taken(), 1);
        assert!(!slots.take());
        slots.give_back();
        assert!(slots.take());
    }

    #[test]
    fn threads_never_hold_more_slots_than_there_are() {
        let (slots, most) = (Slots::new(3), AtomicU32::new(0));
        let held = AtomicU32::new(0);
        let take_and_give_back = || {
            for _ in (0..5_000).filter(|_| slots.take()) {
                let now = held.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                held.fetch_sub(1, Ordering::SeqCst);
                slots.give_back();
            }
        };
        std::thread::scope(|scope| {
            (0..8).for_each(|_| {
                scope.spawn(take_and_give_back);
            });
        });
        assert!(most.into_inner() <= 3);
        assert!(slots.take() && slots.take() && slots.take() && !slots.take());
    }
}
