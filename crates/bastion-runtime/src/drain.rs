//! The one signal that the process is to end, seen by everything that must stop taking work.
//!
//! It must never be taken back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// 'Begin no more work'; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Drain {
    token: CancellationToken,
    /// The same as an answer without a lock: every call and every step of a connection asks.
    has_begun: Arc<AtomicBool>,
}

impl Drain {
    /// Not begun.
    pub fn new() -> Drain {
        Drain::default()
    }

    /// From here on no new work is taken.
    pub fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
        self.token.cancel();
    }

    /// Has it begun?
    pub fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    /// Ends once it has begun. May be dropped and called again at any time.
    pub async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// The same, for a task that must own what it waits for.
    pub async fn begun_owned(self) {
        self.token.cancelled_owned().await;
    }
}
