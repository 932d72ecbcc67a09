//! Connections to upstreams, kept on the thread that made them.
//!
//! An HTTP/1.1 connection has no task of its own: whoever reads an answer moves it. It must never be
//! put back before its answer was read to the end; dropping it is the way to stop the upstream. An
//! HTTP/2 connection is shared and has a task; dropping an answer resets its stream alone.

mod answer;
mod connection;
mod exchange;
mod shared;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bastion_runtime::Tasks;
use parking_lot::Mutex;

pub(crate) use answer::{Cut, Gathered, UpstreamBody};
pub(crate) use exchange::{ExchangeError, Sending, send};

use connection::Connection;
use shared::Shared;

/// Idle connections that a thread keeps for one origin.
const MAX_IDLE_PER_ORIGIN: usize = 256;

/// Origins that a thread keeps connections for; a reload may leave old ones behind.
const MAX_ORIGINS: usize = 64;

/// Idle connections are dropped after this long: most servers drop them a little later.
const MAX_IDLE: Duration = Duration::from_secs(55);

/// One thread's connections.
#[derive(Default)]
pub(crate) struct Pool {
    #[expect(clippy::vec_box, reason = "a connection is made once and moved often")]
    idle: Mutex<HashMap<Arc<str>, Vec<Box<Connection>>>>,
    shared: Mutex<HashMap<Arc<str>, Vec<Shared>>>,
    /// What moves the shared ones; they end with their last user.
    drivers: Tasks,
}

impl Pool {
    /// The connection that was used last, if it is not too old.
    fn take(&self, origin: &Arc<str>) -> Option<Box<Connection>> {
        let mut idle = self.idle.lock();
        let connections = idle.get_mut(origin)?;
        let newest = connections.pop()?;
        if newest.idle_for() > MAX_IDLE {
            // The others are older still.
            connections.clear();
            return None;
        }
        Some(newest)
    }

    fn put_back(&self, origin: Arc<str>, connection: Box<Connection>) {
        let mut idle = self.idle.lock();
        if idle.len() >= MAX_ORIGINS && !idle.contains_key(&origin) {
            idle.clear();
        }
        let connections = idle.entry(origin).or_default();
        if connections.len() < MAX_IDLE_PER_ORIGIN {
            connections.push(connection);
        }
    }

    /// A shared connection that has room for another stream.
    fn share(&self, origin: &Arc<str>) -> Option<Shared> {
        let mut shared = self.shared.lock();
        let connections = shared.get_mut(origin)?;
        connections.retain(|connection| connection.is_usable(MAX_IDLE));
        // The fullest first: the others may become idle and end.
        let roomy = connections.iter().filter(|connection| connection.has_room());
        roomy.max_by_key(|connection| connection.streams()).cloned()
    }

    fn add_shared(&self, origin: Arc<str>, connection: Shared) {
        let mut shared = self.shared.lock();
        if shared.len() >= MAX_ORIGINS && !shared.contains_key(&origin) {
            shared.clear();
        }
        shared.entry(origin).or_default().push(connection);
    }
}
