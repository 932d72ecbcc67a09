//! The log itself: bounded, shared, and told to those who wait.
//!
//! It must never grow without a limit, and never be held while somebody waits.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bastion_runtime::TokioClock;
use bastion_types::{Clock, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::log::entry::{ConnectionEntry, LogEntry};

/// Requests that are kept, the newest.
const MAX_ENTRIES: usize = 10_000;
/// Connections that are kept, the newest.
const MAX_CONNECTIONS: usize = 10_000;

/// A handle on the log; cheap to clone.
#[derive(Clone)]
pub struct SimLog {
    shared: Arc<Shared>,
}

struct Shared {
    pages: Mutex<Pages>,
    changed: Notify,
    clock: TokioClock,
}

#[derive(Default)]
struct Pages {
    entries: VecDeque<LogEntry>,
    connections: VecDeque<ConnectionEntry>,
    last_n: u64,
    last_connection: u64,
}

impl SimLog {
    pub(crate) fn new() -> SimLog {
        let pages = Mutex::new(Pages::default());
        let shared = Shared { pages, changed: Notify::new(), clock: TokioClock::start() };
        SimLog { shared: Arc::new(shared) }
    }

    /// What was received, the oldest first; the newest 10 000 are kept.
    pub fn entries(&self) -> Vec<LogEntry> {
        self.shared.pages.lock().entries.iter().cloned().collect()
    }

    /// The connections, the oldest first; the newest 10 000 are kept.
    pub fn connections(&self) -> Vec<ConnectionEntry> {
        self.shared.pages.lock().connections.iter().cloned().collect()
    }

    /// Forgets the requests and the connections that are closed; numbers go on.
    pub fn clear(&self) {
        let mut pages = self.shared.pages.lock();
        pages.entries.clear();
        pages.connections.retain(|connection| connection.closed_at.is_none());
        drop(pages);
        self.shared.changed.notify_waiters();
    }

    /// Waits until `f` holds for the entries; false when it did not within `timeout`.
    ///
    /// `f` is asked again after each change and must not ask this log itself: it runs while the
    /// log is locked. May be dropped and called again at any time.
    pub async fn wait_for(&self, f: impl Fn(&[LogEntry]) -> bool, timeout: Duration) -> bool {
        let holds = || f(self.shared.pages.lock().entries.make_contiguous());
        tokio::time::timeout(timeout, self.until(holds)).await.is_ok()
    }

    /// The same for the connections.
    pub async fn wait_for_connections(
        &self,
        f: impl Fn(&[ConnectionEntry]) -> bool,
        timeout: Duration,
    ) -> bool {
        let holds = || f(self.shared.pages.lock().connections.make_contiguous());
        tokio::time::timeout(timeout, self.until(holds)).await.is_ok()
    }

    async fn until(&self, holds: impl Fn() -> bool) {
        loop {
            let mut changed = pin!(self.shared.changed.notified());
            changed.as_mut().enable();
            if holds() {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Numbers the entry and keeps it; counts it for its connection.
    pub(crate) fn add(&self, mut entry: LogEntry) -> u64 {
        let mut pages = self.shared.pages.lock();
        pages.last_n = pages.last_n.saturating_add(1);
        let n = pages.last_n;
        entry.n = n;
        if let Some(connection) = found(&mut pages.connections, entry.connection, |one| one.id) {
            connection.requests = connection.requests.saturating_add(1);
        }
        push(&mut pages.entries, entry, MAX_ENTRIES);
        drop(pages);
        self.shared.changed.notify_waiters();
        n
    }

    /// Changes entry `n`, if it is still kept.
    pub(crate) fn change(&self, n: u64, change: impl FnOnce(&mut LogEntry)) {
        let mut pages = self.shared.pages.lock();
        if let Some(entry) = found(&mut pages.entries, n, |one| one.n) {
            change(entry);
        }
        drop(pages);
        self.shared.changed.notify_waiters();
    }

    pub(crate) fn open_connection(&self) -> u64 {
        let opened_at = self.now();
        let mut pages = self.shared.pages.lock();
        pages.last_connection = pages.last_connection.saturating_add(1);
        let id = pages.last_connection;
        let entry = ConnectionEntry { id, opened_at, closed_at: None, requests: 0 };
        push(&mut pages.connections, entry, MAX_CONNECTIONS);
        drop(pages);
        self.shared.changed.notify_waiters();
        id
    }

    pub(crate) fn close_connection(&self, id: u64) {
        let closed_at = self.now();
        let mut pages = self.shared.pages.lock();
        if let Some(connection) = found(&mut pages.connections, id, |one| one.id) {
            connection.closed_at = Some(closed_at);
        }
        drop(pages);
        self.shared.changed.notify_waiters();
    }
}

fn push<T>(list: &mut VecDeque<T>, item: T, most: usize) {
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(item);
}

/// The item with this number; the list is in the order of its numbers.
fn found<T>(list: &mut VecDeque<T>, number: u64, of: impl Fn(&T) -> u64) -> Option<&mut T> {
    let place = list.binary_search_by_key(&number, of).ok()?;
    list.get_mut(place)
}
