//! Is what this process knows fresh enough to answer by? Whoever was frozen, or has lost the
//! database for too long, does not know which keys were revoked meanwhile.
//!
//! It must never take a lock, and never say 'fresh' to a process that has just woken up.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use bastion_types::{Clock, MonoNanos};

use crate::StoreError;

/// How long keys are served from memory while the database is lost.
pub(crate) const SNAPSHOT_LIFE: Duration = Duration::from_mins(1);

/// How often a process makes sure that it is awake.
pub(crate) const BLINK: Duration = Duration::from_millis(500);

/// Whoever did not blink for so long was frozen.
const NAP: Duration = Duration::from_secs(5);

/// Shared by who looks and who answers.
#[derive(Clone)]
pub(crate) struct Awake {
    words: Arc<Words>,
    clock: Arc<dyn Clock>,
}

struct Words {
    /// The last blink and the beginning of the last whole look at the database.
    blinked_at: AtomicI64,
    looked_at: AtomicI64,
    /// Times that the process was frozen, and how many of them the last look came after.
    naps: AtomicU64,
    naps_seen: AtomicU64,
}

impl Awake {
    /// What is known was read just now.
    pub(crate) fn now(clock: Arc<dyn Clock>) -> Awake {
        let now = clock.monotonic().0;
        let words = Words {
            blinked_at: AtomicI64::new(now),
            looked_at: AtomicI64::new(now),
            naps: AtomicU64::new(0),
            naps_seen: AtomicU64::new(0),
        };
        Awake { words: Arc::new(words), clock }
    }

    /// The process runs. Returns whether it was frozen since the last time.
    pub(crate) fn blink(&self) -> bool {
        let now = self.clock.monotonic();
        let last = MonoNanos(self.words.blinked_at.load(Ordering::Acquire));
        let napped = last.after(NAP) < now;
        if napped {
            // Before the blink, so that nobody sees the one without the other.
            self.words.naps.fetch_add(1, Ordering::AcqRel);
        }
        self.words.blinked_at.store(now.0, Ordering::Release);
        napped
    }

    /// A look at the database begins.
    pub(crate) fn begin_look(&self) -> Look {
        Look { began_at: self.clock.monotonic(), naps: self.words.naps.load(Ordering::Acquire) }
    }

    /// The look has seen everything.
    pub(crate) fn end_look(&self, look: &Look) {
        self.words.looked_at.store(look.began_at.0, Ordering::Release);
        self.words.naps_seen.store(look.naps, Ordering::Release);
    }

    /// Has the process been frozen since its last whole look?
    pub(crate) fn has_napped(&self) -> bool {
        let seen = self.words.naps_seen.load(Ordering::Acquire);
        self.words.naps.load(Ordering::Acquire) != seen
    }

    /// May calls be answered by what is known?
    pub(crate) fn is_fresh(&self) -> Result<(), StoreError> {
        let now = self.clock.monotonic();
        let blinked = MonoNanos(self.words.blinked_at.load(Ordering::Acquire));
        let looked = MonoNanos(self.words.looked_at.load(Ordering::Acquire));
        if blinked.after(NAP) < now || self.has_napped() || looked.after(SNAPSHOT_LIFE) < now {
            return Err(StoreError::Stale);
        }
        Ok(())
    }
}

/// A look at the database that has begun.
#[derive(Debug)]
pub(crate) struct Look {
    began_at: MonoNanos,
    naps: u64,
}

#[cfg(test)]
mod tests {
    use bastion_types::Span;

    use super::*;
    use crate::held_clock::HeldClock;

    fn awake() -> (Awake, Arc<HeldClock>) {
        let clock = HeldClock::new();
        (Awake::now(Arc::clone(&clock) as Arc<dyn Clock>), clock)
    }

    /// Lets time pass as it does for a process that runs.
    fn live(awake: &Awake, clock: &HeldClock, seconds: i64) {
        for _ in 0..seconds {
            clock.advance(Span::from_secs(1));
            assert!(!awake.blink());
        }
    }

    #[test]
    fn a_process_that_lost_the_database_knows_the_keys_for_a_minute() {
        let (awake, clock) = awake();
        live(&awake, &clock, 60);
        assert!(awake.is_fresh().is_ok());
        live(&awake, &clock, 1);
        assert!(awake.is_fresh().is_err());
        awake.end_look(&awake.begin_look());
        assert!(awake.is_fresh().is_ok());
    }

    #[test]
    fn a_process_that_was_frozen_knows_nothing_until_it_has_looked() {
        let (awake, clock) = awake();
        clock.advance(Span::from_secs(6));
        assert!(awake.is_fresh().is_err(), "before it noticed");
        let before_it_noticed = awake.begin_look();
        assert!(awake.blink());
        assert!(awake.is_fresh().is_err(), "after it noticed");
        awake.end_look(&before_it_noticed);
        assert!(awake.is_fresh().is_err(), "that look may have begun before it slept");
        awake.end_look(&awake.begin_look());
        assert!(awake.is_fresh().is_ok());
    }
}
