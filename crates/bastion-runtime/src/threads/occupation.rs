//! How occupied a thread is: its open connections, and how busy it was of late.
//!
//! It must never be taken for exact: it only says where the next connection goes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::RuntimeMetrics;
use tokio::time::Instant;

/// A thread that is not busy is given so many connections before another one gets any: where calls
/// come singly, one thread that is awake costs less than two that take turns to wake.
const FILLED_CONNECTIONS: usize = 64;

/// From this share of its time on a thread is busy, in percent. It has to be so for seconds: a
/// short burst is no reason to go where no connection to an upstream is kept.
const BUSY_PERCENT: usize = 75;

/// So many parts of the mean are old when a new second is weighed in.
const OLD_PARTS: usize = 3;

/// What others know of a thread.
#[derive(Debug, Default)]
pub(super) struct Occupation {
    open: AtomicUsize,
    busy_percent: AtomicUsize,
}

impl Occupation {
    /// A connection more.
    pub(super) fn opened(&self) {
        self.open.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection less.
    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Should the next connection come here, whatever the others have?
    pub(super) fn has_room(&self) -> bool {
        self.open() < FILLED_CONNECTIONS && self.busy_percent.load(Ordering::Relaxed) < BUSY_PERCENT
    }

    fn weigh_in(&self, percent: usize) {
        let old = self.busy_percent.load(Ordering::Relaxed).saturating_mul(OLD_PARTS);
        let mean = old.saturating_add(percent.min(100)).div_ceil(OLD_PARTS + 1);
        self.busy_percent.store(mean, Ordering::Relaxed);
    }
}

/// A thread's look at its own time.
pub(super) struct OwnTime {
    metrics: RuntimeMetrics,
    at: Instant,
    worked: Duration,
}

impl OwnTime {
    /// Of the thread whose runtime counts here.
    pub(super) fn new(metrics: RuntimeMetrics) -> OwnTime {
        let worked = metrics.worker_total_busy_duration(0);
        OwnTime { metrics, at: Instant::now(), worked }
    }

    /// Tells what share of the time since the last look was work; once a second or so.
    pub(super) fn tell(&mut self, occupation: &Occupation) {
        let worked = self.metrics.worker_total_busy_duration(0);
        let passed = self.at.elapsed().as_micros().max(1);
        let share = worked.saturating_sub(self.worked).as_micros().saturating_mul(100) / passed;
        occupation.weigh_in(usize::try_from(share).unwrap_or(usize::MAX));
        (self.at, self.worked) = (Instant::now(), worked);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_room_until_it_is_filled() {
        let occupation = Occupation::default();
        for _ in 0..FILLED_CONNECTIONS {
            assert!(occupation.has_room());
            occupation.opened();
        }
        assert!(!occupation.has_room());
        occupation.closed();
        assert!(occupation.has_room());
    }

    #[test]
    fn seconds_of_work_make_it_busy_and_one_does_not() {
        let occupation = Occupation::default();
        let seconds_until = |room: bool, percent: usize| {
            (1..=100).find(|_| {
                occupation.weigh_in(percent);
                occupation.has_room() == room
            })
        };
        assert_eq!(seconds_until(false, 100), Some(5));
        assert_eq!(seconds_until(true, 0), Some(1));
        assert_eq!(seconds_until(false, 1000), Some(2), "more than all of its time is all of it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_thread_that_only_waits_is_not_busy() {
        let occupation = Occupation::default();
        let mut own = OwnTime::new(tokio::runtime::Handle::current().metrics());
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            own.tell(&occupation);
        }
        assert!(occupation.has_room());
    }
}
