//! The retry budget of the process: how many retries the last minute's calls may have.
//!
//! It must never let a storm of failures multiply: beyond its floor, retries are a share of calls.
//! Source: interface, `[retry] budget`.

use std::sync::atomic::{AtomicU64, Ordering};

use bastion_types::MonoNanos;
use parking_lot::Mutex;

/// The budget looks back so many seconds.
const WINDOW_S: u64 = 60;

/// Places of a ring; more than the window, so that a second never meets its own past.
const PLACES: usize = 64;

/// Retries a minute that are always allowed.
const FLOOR: u64 = 10;

const NANOS_PER_S: i64 = 1_000_000_000;

/// Counts by the second: each place holds its second above, its count below.
struct Ring {
    places: [AtomicU64; PLACES],
}

impl Ring {
    fn new() -> Ring {
        Ring { places: [const { AtomicU64::new(0) }; PLACES] }
    }

    fn count(&self, second: u64) {
        let Some(place) = self.place(second) else { return };
        let stamped = |held: u64| {
            if held >> 32 == second { held.saturating_add(1) } else { (second << 32) | 1 }
        };
        place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| Some(stamped(held))).ok();
    }

    fn uncount(&self, second: u64) {
        let Some(place) = self.place(second) else { return };
        let less = |held: u64| {
            let is_of_it = held >> 32 == second && held & u64::from(u32::MAX) > 0;
            is_of_it.then(|| held.saturating_sub(1))
        };
        place.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).ok();
    }

    fn sum(&self, second: u64) -> u64 {
        let recent = |held: u64| (held >> 32).saturating_add(WINDOW_S) > second;
        let held = self.places.iter().map(|place| place.load(Ordering::Relaxed));
        held.filter(|held| recent(*held)).map(|held| held & u64::from(u32::MAX)).sum()
    }

    fn place(&self, second: u64) -> Option<&AtomicU64> {
        let index = usize::try_from(second).ok()? % PLACES;
        self.places.get(index)
    }
}

/// A retry that was taken from the budget, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TakenRetry {
    second: u64,
}

/// Counts calls and their retries.
pub(crate) struct RetryBudget {
    calls: Ring,
    retries: Ring,
    /// Held while a retry is weighed, so that two do not take the last one.
    weighing: Mutex<()>,
}

impl RetryBudget {
    pub(crate) fn new() -> RetryBudget {
        RetryBudget { calls: Ring::new(), retries: Ring::new(), weighing: Mutex::new(()) }
    }

    /// A call begins.
    pub(crate) fn call(&self, now: MonoNanos) {
        self.calls.count(second(now));
    }

    /// A caller's SDK sent a call again by itself: that counts, though nobody can refuse it.
    pub(crate) fn client_retry(&self, now: MonoNanos) {
        self.retries.count(second(now));
    }

    /// May a call be tried again? Takes it from the budget if so.
    pub(crate) fn take(&self, now: MonoNanos, share_per_mille: u32) -> Option<TakenRetry> {
        let second = second(now);
        let weighing = self.weighing.lock();
        let allowed = self.calls.sum(second).saturating_mul(u64::from(share_per_mille)) / 1000;
        let fits = self.retries.sum(second) < allowed.max(FLOOR);
        if fits {
            self.retries.count(second);
        }
        drop(weighing);
        fits.then_some(TakenRetry { second })
    }

    /// It was never made: its caller left before.
    pub(crate) fn give_back(&self, taken: TakenRetry) {
        self.retries.uncount(taken.second);
    }
}

/// From 1, so that an empty place is of no second.
fn second(now: MonoNanos) -> u64 {
    u64::try_from(now.0 / NANOS_PER_S).unwrap_or(0).saturating_add(WINDOW_S + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIFTH: u32 = 200;

    fn at(second: i64) -> MonoNanos {
        MonoNanos(second * NANOS_PER_S)
    }

    fn taken(budget: &RetryBudget, now: MonoNanos) -> u32 {
        (0..1000).map(|_| u32::from(budget.take(now, FIFTH).is_some())).sum()
    }

    #[test]
    fn ten_a_minute_are_always_allowed() {
        let budget = RetryBudget::new();
        assert_eq!(taken(&budget, at(0)), 10);
        assert_eq!(taken(&budget, at(59)), 0, "the minute is not over");
        assert_eq!(taken(&budget, at(60)), 10);
    }

    #[test]
    fn beyond_that_they_are_a_share_of_the_last_minutes_calls() {
        let budget = RetryBudget::new();
        for n in 0..300 {
            budget.call(at(n / 10));
        }
        assert_eq!(taken(&budget, at(30)), 60);
        assert_eq!(taken(&budget, at(80)), 0, "of 300 calls 90 are of the last minute");
        assert_eq!(taken(&budget, at(200)), 10);
    }

    #[test]
    fn what_a_client_sends_again_by_itself_counts() {
        let budget = RetryBudget::new();
        for _ in 0..8 {
            budget.client_retry(at(5));
        }
        assert_eq!(taken(&budget, at(5)), 2);
    }

    #[test]
    fn what_was_given_back_can_be_taken_again_and_only_once() {
        let budget = RetryBudget::new();
        let first = budget.take(at(1), FIFTH).unwrap();
        assert_eq!(taken(&budget, at(2)), 9);
        budget.give_back(first);
        budget.give_back(first);
        assert_eq!(taken(&budget, at(3)), 1);
        assert_eq!(taken(&budget, at(61)), 0, "nothing of the first second is left to end");
    }

    #[test]
    fn threads_together_never_take_more() {
        let budget = RetryBudget::new();
        for _ in 0..500 {
            budget.call(at(7));
        }
        let all: u32 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| taken(&budget, at(7)))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(all, 100);
    }
}
