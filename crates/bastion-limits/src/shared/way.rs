//! The way to Redis: the connection that stands, or why there is none.
//!
//! It must never make a call wait for a connection: without one, none is used.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::link::Link;
use super::trouble::Trouble;

/// The way.
pub(super) struct Way {
    link: ArcSwapOption<Link>,
    /// Why it was lost.
    lost_by: Mutex<Option<Trouble>>,
    lost: Notify,
    foreign_keys: AtomicU64,
}

impl Way {
    pub(super) fn new() -> Way {
        Way {
            link: ArcSwapOption::empty(),
            lost_by: Mutex::new(None),
            lost: Notify::new(),
            foreign_keys: AtomicU64::new(0),
        }
    }

    /// The connection, if one stands.
    pub(super) fn link(&self) -> Option<Arc<Link>> {
        self.link.load_full()
    }

    /// A connection stands.
    pub(super) fn open(&self, link: Arc<Link>) {
        *self.lost_by.lock() = None;
        self.link.store(Some(link));
    }

    /// This went wrong on that connection. A key of somebody else's is counted; anything else ends
    /// the connection's use, once.
    pub(super) fn fails(&self, link: &Arc<Link>, trouble: Trouble) {
        if trouble.is_of_one_key() {
            self.foreign_keys.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let mut lost_by = self.lost_by.lock();
        if self.link.load().as_ref().is_some_and(|current| Arc::ptr_eq(current, link)) {
            self.link.store(None);
            *lost_by = Some(trouble);
            self.lost.notify_one();
        }
    }

    /// Ends when the connection is lost, with the reason. May be dropped and called again at any
    /// time.
    pub(super) async fn lost(&self) -> Trouble {
        loop {
            let lost = self.lost.notified();
            if let Some(trouble) = self.lost_by.lock().take() {
                return trouble;
            }
            lost.await;
        }
    }

    /// How often a key was somebody else's, since the process began.
    pub(super) fn foreign_keys(&self) -> u64 {
        self.foreign_keys.load(Ordering::Relaxed)
    }
}
