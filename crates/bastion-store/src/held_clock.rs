//! A clock that stands still until a test moves it.
//!
//! It must never be built outside tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bastion_types::{Clock, MonoNanos, Span, Timestamp};

/// 2026-11-23T12:00:00Z.
const START_US: i64 = 1_795_435_200_000_000;

pub(crate) struct HeldClock {
    us: AtomicI64,
}

impl HeldClock {
    pub(crate) fn new() -> Arc<HeldClock> {
        Arc::new(HeldClock { us: AtomicI64::new(START_US) })
    }

    pub(crate) fn advance(&self, span: Span) {
        self.us.fetch_add(span.micros(), Ordering::SeqCst);
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.us.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> MonoNanos {
        MonoNanos((self.us.load(Ordering::SeqCst) - START_US) * 1000)
    }
}
