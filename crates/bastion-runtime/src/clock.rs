//! The one clock: tokio's for durations, the system's for what people read.
//!
//! It must never be read behind [`Clock`]'s back.

use std::time::{SystemTime, UNIX_EPOCH};

use bastion_types::{Clock, MonoNanos, Timestamp};
use tokio::time::Instant;

/// Tokio's clock, which tests can pause, and the system's wall clock.
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    began: Instant,
}

impl TokioClock {
    /// A clock that begins to count here.
    pub fn start() -> TokioClock {
        TokioClock { began: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> MonoNanos {
        MonoNanos(i64::try_from(self.began.elapsed().as_nanos()).unwrap_or(i64::MAX))
    }
}
