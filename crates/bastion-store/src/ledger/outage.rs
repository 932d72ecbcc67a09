//! Is the database known to be away? Then nobody waits for it.
//!
//! It must never last by itself: someone tries again soon.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bastion_types::Clock;

/// After a failure nobody is made to wait for so long; then the next one tries.
const SHUT_FOR: Duration = Duration::from_millis(250);

pub(super) struct Outage {
    clock: Arc<dyn Clock>,
    until: AtomicI64,
}

impl Outage {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Outage {
        Outage { clock, until: AtomicI64::new(i64::MIN) }
    }

    pub(super) fn began(&self) {
        let until = self.clock.monotonic().after(SHUT_FOR);
        self.until.store(until.0, Ordering::Relaxed);
    }

    pub(super) fn over(&self) {
        self.until.store(i64::MIN, Ordering::Relaxed);
    }

    pub(super) fn is_on(&self) -> bool {
        self.clock.monotonic().0 < self.until.load(Ordering::Relaxed)
    }
}
