//! The word that what still runs is to end now, and to say so: a drain's deadline is over.
//!
//! It must never cut anything itself: whoever hears it ends its own work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// 'End now'; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Word>);

#[derive(Debug, Default)]
struct Word {
    is_said: AtomicBool,
    said: Notify,
}

impl Stop {
    /// Says it, once and for all.
    pub fn say(&self) {
        self.0.is_said.store(true, Ordering::Release);
        self.0.said.notify_waiters();
    }

    /// Was it said?
    pub fn is_said(&self) -> bool {
        self.0.is_said.load(Ordering::Acquire)
    }

    /// Ends once it is said. May be dropped and called again at any time.
    pub async fn said(&self) {
        // Made before the look: who says it between the two is heard.
        let said = self.0.said.notified();
        if !self.is_said() {
            said.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    #[test]
    fn who_waits_and_who_asks_later_both_hear_it() {
        let stop = Stop::default();
        let nobody = &mut Context::from_waker(Waker::noop());
        let heard = stop.clone();
        let mut waiting = pin!(heard.said());
        assert_eq!(waiting.as_mut().poll(nobody), Poll::Pending);
        assert!(!stop.is_said());
        stop.say();
        assert!(stop.is_said());
        assert_eq!(waiting.as_mut().poll(nobody), Poll::Ready(()));
        assert_eq!(pin!(stop.said()).poll(nobody), Poll::Ready(()));
    }
}
