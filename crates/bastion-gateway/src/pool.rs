//! Connections to upstreams, kept on the thread that made them.
//!
//! An HTTP/1.1 connection has no task of its own: whoever reads an answer moves it. It must never
//! be put back before its answer was read to the end; dropping it is the way to stop the upstream.
//! An HTTP/2 connection is shared and has a task; dropping a body resets its stream alone.

mod answer;
mod connection;
mod cut;
mod exchange;
mod http1_body;
mod http2;
mod http2_stream;

use std::sync::Arc;
use std::time::Duration;

use bastion_runtime::{Drain, Tasks};
use parking_lot::Mutex;

pub(crate) use answer::{Gathered, UpstreamBody};
pub(crate) use cut::Cut;
pub(crate) use exchange::{ExchangeError, Sending, send};

use connection::Connection;
use http2::{Place, Shared};

/// Idle HTTP/1.1 connections that a thread keeps for one origin.
const MAX_IDLE_PER_ORIGIN: usize = 256;

/// Origins that a thread keeps connections for; a reload may leave old ones behind.
const MAX_ORIGINS: usize = 64;

/// Idle connections are dropped after this long: most servers drop them a little later.
const MAX_IDLE: Duration = Duration::from_secs(55);

/// One thread's connections.
pub(crate) struct Pool {
    origins: Mutex<Origins>,
    /// Where HTTP/2 connections are moved.
    tasks: Tasks,
    drain: Drain,
}

/// What is kept, by origin: there are few, and most often it is the first.
#[derive(Default)]
struct Origins {
    list: Vec<(Arc<str>, Origin)>,
}

impl Origins {
    fn find(&mut self, origin: &Arc<str>) -> Option<&mut Origin> {
        let is = |own: &Arc<str>| Arc::ptr_eq(own, origin) || own == origin;
        self.list.iter_mut().find(|(own, _)| is(own)).map(|(_, kept)| kept)
    }

    fn change<T>(&mut self, origin: Arc<str>, change: impl FnOnce(&mut Origin) -> T) -> T {
        if let Some(kept) = self.find(&origin) {
            return change(kept);
        }
        if self.list.len() >= MAX_ORIGINS {
            self.list.clear();
        }
        let mut fresh = Origin::default();
        let result = change(&mut fresh);
        self.list.push((origin, fresh));
        result
    }
}

/// What is kept for one origin.
#[derive(Default)]
struct Origin {
    #[expect(clippy::vec_box, reason = "a connection is made once and moved often")]
    idle: Vec<Box<Connection>>,
    shared: Vec<Arc<Shared>>,
    /// Its last connection spoke HTTP/1.1: callers need not wait for each other's.
    speaks_http1: bool,
    /// Held while a connection is opened that others may share.
    opening: Arc<tokio::sync::Mutex<()>>,
}

/// What a request can be sent over.
enum Taken {
    Alone(Box<Connection>),
    Shared(Place),
}

impl Origin {
    fn place(&mut self) -> Option<Place> {
        let found = self.shared.iter().find_map(Shared::place);
        if found.is_none() {
            self.shared.retain(|shared| !shared.is_over());
        }
        found
    }
}

impl Pool {
    /// For one thread: its tasks and the drain that they end with.
    pub(crate) fn new(tasks: Tasks, drain: Drain) -> Pool {
        Pool { origins: Mutex::default(), tasks, drain }
    }

    /// The HTTP/1.1 connection that was used last, if it is not too old; else a place on a shared
    /// one.
    fn take(&self, origin: &Arc<str>) -> Option<Taken> {
        let mut origins = self.origins.lock();
        let kept = origins.find(origin)?;
        if let Some(newest) = kept.idle.pop() {
            if newest.idle_for() <= MAX_IDLE {
                return Some(Taken::Alone(newest));
            }
            // The others are older still.
            kept.idle.clear();
        }
        kept.place().map(Taken::Shared)
    }

    /// A place on a shared connection.
    fn place(&self, origin: &Arc<str>) -> Option<Place> {
        self.origins.lock().find(origin)?.place()
    }

    fn put_back(&self, origin: Arc<str>, connection: Box<Connection>) {
        self.keep(origin, |kept| {
            if kept.idle.len() < MAX_IDLE_PER_ORIGIN {
                kept.idle.push(connection);
            }
        });
    }

    /// From now on calls find places on it.
    fn share(&self, origin: Arc<str>, connection: Arc<Shared>) {
        self.keep(origin, |kept| {
            kept.speaks_http1 = false;
            kept.shared.push(connection);
        });
    }

    /// Whoever waits to share finds out that there is nothing to share.
    fn speaks_http1(&self, origin: Arc<str>) {
        self.keep(origin, |kept| kept.speaks_http1 = true);
    }

    /// What is held while a connection is opened; none where there is nothing to share.
    fn opening(&self, origin: Arc<str>) -> Option<Arc<tokio::sync::Mutex<()>>> {
        self.keep(origin, |kept| (!kept.speaks_http1).then(|| Arc::clone(&kept.opening)))
    }

    fn keep<T>(&self, origin: Arc<str>, change: impl FnOnce(&mut Origin) -> T) -> T {
        self.origins.lock().change(origin, change)
    }
}

#[cfg(test)]
mod tests;
