//! Connections to upstreams, kept on the thread that made them.
//!
//! A connection has no task of its own: whoever reads an answer moves it. It must never be put
//! back before its answer was read to the end; dropping it is the way to stop the upstream.

mod answer;
mod connection;
mod exchange;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

pub(crate) use answer::{Cut, Gathered, UpstreamBody};
pub(crate) use exchange::{ExchangeError, send};

use connection::Connection;

/// Idle connections that a thread keeps for one origin.
const MAX_IDLE_PER_ORIGIN: usize = 256;

/// Origins that a thread keeps connections for; a reload may leave old ones behind.
const MAX_ORIGINS: usize = 64;

/// Idle connections are dropped after this long: most servers drop them a little later.
const MAX_IDLE: Duration = Duration::from_secs(55);

/// One thread's idle connections.
#[derive(Default)]
pub(crate) struct Pool {
    #[expect(clippy::vec_box, reason = "a connection is made once and moved often")]
    idle: Mutex<HashMap<Arc<str>, Vec<Box<Connection>>>>,
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
}
