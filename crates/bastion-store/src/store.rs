//! The store as a whole: opened once, shared by everyone, closed last.
//!
//! It must never be open twice on one data directory.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bastion_runtime::Tasks;
use bastion_types::Clock;

use crate::StoreError;
use crate::calls::CallLog;
use crate::data_dir::DataDir;
use crate::keys::KeyDirectory;
use crate::migrate::migrate;
use crate::sqlite::Database;

const WRITE_PROBE: &str = "UPDATE write_probe SET at_us = $1 WHERE id = 1";

/// Keys and calls; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    keys: KeyDirectory,
    calls: CallLog,
    db: Database,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    /// None in memory. Last, so that it is let go after the connections.
    data_dir: Option<DataDir>,
}

impl Store {
    /// Opens the store in `data_dir`, which is made if it is absent, and brings its schema up to
    /// date. The directory stays locked while the store lives.
    ///
    /// # Errors
    /// When the directory is no folder, cannot be written, is in use or full, and when the database
    /// is damaged or newer than this binary.
    pub async fn open(data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Store, StoreError> {
        let data_dir = DataDir::take(data_dir)?;
        let db = Database::open(&data_dir.database_file()?).await?;
        Store::ready(db, clock, Some(data_dir)).await
    }

    /// A store that is gone when it is dropped, for the demo and for tests.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub async fn open_in_memory(clock: Arc<dyn Clock>) -> Result<Store, StoreError> {
        Store::ready(Database::open_in_memory().await?, clock, None).await
    }

    async fn ready(
        db: Database,
        clock: Arc<dyn Clock>,
        data_dir: Option<DataDir>,
    ) -> Result<Store, StoreError> {
        migrate(&db).await?;
        let tasks = Tasks::new();
        let keys = KeyDirectory::load(db.clone(), Arc::clone(&clock), tasks.clone()).await?;
        let calls = CallLog::new(db.clone());
        Ok(Store { inner: Arc::new(Inner { keys, calls, db, clock, tasks, data_dir }) })
    }

    /// The keys.
    pub fn keys(&self) -> &KeyDirectory {
        &self.inner.keys
    }

    /// The calls.
    pub fn calls(&self) -> &CallLog {
        &self.inner.calls
    }

    /// Writes one row through to the disk, for `/readyz`.
    ///
    /// # Errors
    /// When that cannot be done.
    pub async fn is_writable(&self) -> Result<(), StoreError> {
        let mut transaction = self.inner.db.begin().await?;
        let now_us = self.inner.clock.now().micros();
        sqlx::query(WRITE_PROBE).bind(now_us).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Waits for changes that run, writes last uses, empties the write-ahead log, closes the
    /// database and lets the directory go. Again is fine.
    pub async fn close(&self) {
        self.inner.tasks.finished().await;
        match self.inner.keys.flush_last_use().await {
            Ok(_) | Err(StoreError::Closed) => {}
            Err(error) => tracing::warn!(%error, "last uses of keys are lost"),
        }
        if let Err(error) = self.inner.db.close().await {
            tracing::warn!(%error, "the write-ahead log stays beside the database until next time");
        }
        self.inner.data_dir.iter().for_each(DataDir::release);
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

#[cfg(test)]
mod tests;
