//! Connections of one database: a few, each used by one at a time, on a thread that may block.
//!
//! It must never give a connection back with a transaction open, nor lose one because whoever
//! asked has gone.

use std::fmt::{self, Debug, Formatter};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::StoreError;

/// How long a caller of the store waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

const ROLLBACK: &str = "ROLLBACK";

/// Opens one more.
type Open = Box<dyn Fn() -> rusqlite::Result<Connection> + Send + Sync>;

/// At most so many connections, opened when they are first needed.
pub(super) struct Connections {
    open: Open,
    idle: Mutex<Vec<Connection>>,
    places: Arc<Semaphore>,
    count: u32,
}

impl Debug for Connections {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Connections {
    pub(super) fn new(
        count: u32,
        open: impl Fn() -> rusqlite::Result<Connection> + Send + Sync + 'static,
    ) -> Arc<Connections> {
        let places = usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS);
        Arc::new(Connections {
            open: Box::new(open),
            idle: Mutex::default(),
            places: Arc::new(Semaphore::new(places)),
            count,
        })
    }

    /// Waits for a connection, first come, first served.
    pub(super) async fn take(self: &Arc<Self>) -> Result<Taken, StoreError> {
        self.take_for(1).await
    }

    /// Waits until nobody has one, and closes them all; again is fine.
    pub(super) async fn close(self: &Arc<Self>) {
        let last = self.take_for(self.count).await;
        self.places.close();
        drop(last);
        self.idle.lock().clear();
    }

    async fn take_for(self: &Arc<Self>, places: u32) -> Result<Taken, StoreError> {
        let place = Arc::clone(&self.places).acquire_many_owned(places);
        let place = timeout(ACQUIRE_TIMEOUT, place).await.map_err(|_| StoreError::Busy)?;
        let place = place.map_err(|_| StoreError::Closed)?;
        let connection = self.idle.lock().pop();
        Ok(Taken { connection, of: Arc::clone(self), _place: place })
    }
}

/// A connection that somebody has; given back when it is dropped.
pub(super) struct Taken {
    connection: Option<Connection>,
    of: Arc<Connections>,
    _place: OwnedSemaphorePermit,
}

impl Debug for Taken {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken").finish_non_exhaustive()
    }
}

impl Taken {
    /// Does it, on a thread that may block. It is done to its end even if nobody waits for it any
    /// more. After an error the connection is given back, its transaction undone.
    ///
    /// # Errors
    /// Those of `work`; when the connection cannot be opened; `Closed`, when the runtime ends first.
    pub(super) async fn with<T: Send + 'static>(
        mut self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<(Taken, T), StoreError> {
        let done = tokio::task::spawn_blocking(move || {
            let told = work(self.opened()?)?;
            Ok((self, told))
        });
        match done.await {
            Ok(done) => done,
            Err(cause) if cause.is_panic() => resume_unwind(cause.into_panic()),
            Err(_) => Err(StoreError::Closed),
        }
    }

    fn opened(&mut self) -> Result<&Connection, StoreError> {
        match self.connection {
            Some(ref connection) => Ok(connection),
            None => Ok(self.connection.insert((self.of.open)()?)),
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // After some errors, such as a full disk, SQLite has rolled back by itself.
        if !connection.is_autocommit()
            && let Err(cause) = connection.execute_batch(ROLLBACK)
        {
            tracing::warn!(%cause, "a transaction could not be undone; its connection is closed");
        }
        if connection.is_autocommit() && !self.of.places.is_closed() {
            self.of.idle.lock().push(connection);
        }
    }
}
