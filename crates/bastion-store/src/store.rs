//! The store as a whole: opened once, shared by everyone, closed last.
//!
//! It must never be open twice on one data directory.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use bastion_runtime::{Drain, Tasks};
use bastion_types::Clock;

use crate::StoreError;
use crate::awake::Awake;
use crate::calls::CallLog;
use crate::data_dir::DataDir;
use crate::database::{Database, Transaction};
use crate::evidence::Evidence;
use crate::keys::KeyDirectory;
use crate::ledger::Ledger;
use crate::migrate::migrate;
use crate::nodes::Nodes;
use crate::place::{Opened, Place};
use crate::sqlite::SqliteDatabase;
use crate::statement::statement;
use crate::watch::Watch;

const WRITE_PROBE: &str = "UPDATE write_probe SET at_us = $1 WHERE id = 1";
const HELD: &str = "SELECT call FROM ledger_holds WHERE lease = $1 LIMIT 1";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[WRITE_PROBE, HELD];

/// Keys and calls; cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    nodes: Nodes,
    keys: KeyDirectory,
    calls: CallLog,
    ledger: Ledger,
    evidence: Evidence,
    /// None where no other process can change anything.
    awake: Option<Awake>,
    ending: Drain,
    db: Database,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    /// None in memory and on PostgreSQL. Last, so that it is let go after the connections.
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
        Store::open_at(&Place::DataDirectory(data_dir.to_owned()), clock).await
    }

    /// Opens the store at a place and brings its schema up to date, unless that is done by hand.
    ///
    /// # Errors
    /// As [`open`](Store::open); on PostgreSQL also when the server cannot be reached, refuses or is
    /// too old, and when the schema is behind while it is migrated by hand.
    pub async fn open_at(place: &Place, clock: Arc<dyn Clock>) -> Result<Store, StoreError> {
        let Opened { db, data_dir } = place.open_ready().await?;
        Store::ready(db, clock, data_dir).await
    }

    /// A store that is gone when it is dropped, for the demo and for tests.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub async fn open_in_memory(clock: Arc<dyn Clock>) -> Result<Store, StoreError> {
        let db = Database::Sqlite(SqliteDatabase::open_in_memory().await?);
        migrate(&db).await?;
        Store::ready(db, clock, None).await
    }

    async fn ready(
        db: Database,
        clock: Arc<dyn Clock>,
        data_dir: Option<DataDir>,
    ) -> Result<Store, StoreError> {
        let (tasks, ending) = (Tasks::new(), Drain::new());
        let nodes = Nodes::join(db.clone(), Arc::clone(&clock)).await?;
        let awake = Awake::now(Arc::clone(&clock));
        let keys = KeyDirectory::load(db.clone(), Arc::clone(&clock), tasks.clone()).await?;
        let calls = CallLog::new(db.clone());
        let ledger = Ledger::open(db.clone(), Arc::clone(&clock), nodes.clone(), &tasks).await?;
        let watch = Watch {
            nodes: nodes.clone(),
            keys: keys.clone(),
            ledger: ledger.clone(),
            awake: awake.clone(),
            clock: Arc::clone(&clock),
            ending: ending.clone(),
        };
        let awake = match &db {
            Database::Sqlite(_) => {
                watch.alone(&tasks);
                None
            }
            Database::Postgres(database) => {
                watch.shared(database.clone(), &tasks);
                Some(awake)
            }
        };
        let evidence = Evidence::new(db.clone());
        let inner = Inner {
            nodes,
            keys,
            calls,
            ledger,
            evidence,
            awake,
            ending,
            db,
            clock,
            tasks,
            data_dir,
        };
        Ok(Store { inner: Arc::new(inner) })
    }

    /// The processes that use this database.
    pub fn nodes(&self) -> &Nodes {
        &self.inner.nodes
    }

    /// Is what this process knows fresh enough to answer calls by? Always on SQLite. On PostgreSQL
    /// not while it has just been frozen, and not when the database is lost for over a minute.
    ///
    /// # Errors
    /// `Stale`, when it is not.
    pub fn is_fresh(&self) -> Result<(), StoreError> {
        self.inner.awake.as_ref().map_or(Ok(()), Awake::is_fresh)
    }

    /// Marks the leases that have ended and under which nothing is held any more, each once over
    /// all processes.
    ///
    /// Returns how many leases that were.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn settle_ended_leases(&self) -> Result<u64, StoreError> {
        let mut settled = 0_u64;
        for lease in self.inner.nodes.ended_leases().await? {
            let nothing_left = async |transaction: &mut Transaction| {
                let held = transaction.row(statement(HELD).bind(lease.as_str())).await?;
                Ok(held.is_none())
            };
            let was_us = self.inner.nodes.settle(&lease, nothing_left).await?;
            settled = settled.saturating_add(u64::from(was_us));
        }
        Ok(settled)
    }

    /// The keys.
    pub fn keys(&self) -> &KeyDirectory {
        &self.inner.keys
    }

    /// The calls.
    pub fn calls(&self) -> &CallLog {
        &self.inner.calls
    }

    /// The money.
    pub fn ledger(&self) -> &Ledger {
        &self.inner.ledger
    }

    /// What the launch gate goes by.
    pub fn evidence(&self) -> &Evidence {
        &self.inner.evidence
    }

    /// Writes one row through to the disk, for `/readyz`.
    ///
    /// # Errors
    /// When that cannot be done, when others have ended this process's lease, and when what it knows
    /// is too old.
    pub async fn is_writable(&self) -> Result<(), StoreError> {
        self.is_fresh()?;
        if self.inner.nodes.lease().is_none() {
            return Err(StoreError::LeaseEnded);
        }
        let mut transaction = self.inner.db.begin().await?;
        let now_us = transaction.now_us(&*self.inner.clock).await?;
        transaction.run(statement(WRITE_PROBE).bind(now_us)).await?;
        transaction.commit().await
    }

    /// Waits for changes that run, writes last uses, empties the write-ahead log, closes the
    /// database and lets the directory go. Again is fine.
    pub async fn close(&self) {
        self.inner.ledger.close().await;
        self.inner.ending.begin();
        self.inner.tasks.finished().await;
        match self.inner.keys.flush_last_use().await {
            Ok(_) | Err(StoreError::Closed) => {}
            Err(error) => tracing::warn!(%error, "last uses of keys are lost"),
        }
        match self.inner.nodes.leave().await {
            Ok(()) | Err(StoreError::Closed) => {}
            Err(error) => tracing::warn!(%error, "others will find that this lease has ended"),
        }
        if let Err(error) = self.inner.db.close().await {
            tracing::warn!(%error, "the write-ahead log stays beside the database until next time");
        }
        self.inner.data_dir.iter().for_each(DataDir::release);
    }
}

impl Drop for Inner {
    /// The watch ends with the last one who has the store.
    fn drop(&mut self) {
        self.ending.begin();
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

#[cfg(test)]
mod tests;
