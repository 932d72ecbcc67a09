//! The one clock that everything asks, so that tests can hold it still.
//!
//! It must never be bypassed: code that reads the system's time by itself cannot be tested.

use std::time::Duration;

use crate::Timestamp;

/// Nanoseconds since the process began; never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonoNanos(pub i64);

impl MonoNanos {
    /// Milliseconds from `earlier` to here; 0 when `earlier` is later.
    pub fn millis_since(self, earlier: MonoNanos) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0) / 1_000_000).unwrap_or(0)
    }

    /// So much later; the end of time where there is no such moment.
    #[must_use]
    pub fn after(self, wait: Duration) -> MonoNanos {
        MonoNanos(self.0.saturating_add(i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// From here to `later`; nothing when that is over.
    pub fn until(self, later: MonoNanos) -> Duration {
        Duration::from_nanos(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, for what people and records read.
    fn now(&self) -> Timestamp;
    /// A clock that never goes back, for limits, waits and durations.
    fn monotonic(&self) -> MonoNanos;
}
