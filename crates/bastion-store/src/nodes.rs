//! The processes that use this database, each under a lease: a row with a heartbeat.
//!
//! What a process holds it holds under its lease, and a lease never comes back: one that gave no
//! sign of life for [`LEASE`] has ended, others deal with what it left, once, and it goes on under
//! a new one. Leases go by the database's clock. A process must never begin anything under a lease
//! that may have ended: [`Nodes::lease`] gives it only while others cannot have ended it.

mod identity;
mod lease;
mod record;
mod rows;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use bastion_types::{Clock, MonoNanos};

pub use lease::LeaseId;
pub use record::{LeaseEnding, NodeRecord};

use crate::StoreError;
use crate::database::{Database, Dialect, Lock, Transaction};
use identity::Identity;

/// A process that gave no sign of life for so long has lost its lease.
pub const LEASE: Duration = Duration::from_secs(15);

/// So long before that it begins nothing under its lease any more: what it began has time to end.
const MARGIN: Duration = Duration::from_secs(3);

/// So long before the end of its own lease a process is out of touch: it gave no sign of life for a
/// while itself.
const IN_TOUCH: Duration = Duration::from_secs(6);

/// So long a process must have been in touch before it ends the lease of another. Where the database
/// was away all have been mute: the slowest of them is in a statement that has its whole time
/// left (5 s), waits for a connection (3 s) and for its next turn (2.5 s).
const TIME_FOR_OTHERS: Duration = Duration::from_secs(11);

/// By then every process has looked, or its lease has ended and was found.
const LOOKED_WITHIN: Duration = Duration::from_secs(20);

/// Between two looks whether the others have looked.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// Ended leases that one look finds.
const MAX_ENDED: u32 = 100;

/// Nodes that a list shows.
pub const MAX_NODES: u32 = 200;

/// The nodes; cheap to clone.
#[derive(Debug, Clone)]
pub struct Nodes {
    inner: Arc<Inner>,
}

struct Inner {
    db: Database,
    clock: Arc<dyn Clock>,
    identity: Identity,
    held: ArcSwap<Held>,
    alive: AtomicU32,
    /// Since when this process is in touch, in nanoseconds of the clock that never goes back.
    in_touch_since: AtomicI64,
}

/// The lease of this process.
#[derive(Debug)]
struct Held {
    lease: LeaseId,
    /// In nanoseconds of the clock that never goes back.
    until: AtomicI64,
}

/// What a heartbeat found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// The lease goes on.
    Held,
    /// Others had ended it; there is a new one.
    Renewed,
}

impl Nodes {
    /// Takes a lease. On SQLite, whose file only one process has, it ends those before.
    pub(crate) async fn join(db: Database, clock: Arc<dyn Clock>) -> Result<Nodes, StoreError> {
        let identity = Identity::of_this_process();
        let began = clock.monotonic();
        let lease = LeaseId::generate()?;
        let mut transaction = db.begin().await?;
        transaction.lock(Lock::Nodes).await?;
        let now_us = transaction.now_us(&*clock).await?;
        if db.dialect() == Dialect::Sqlite {
            rows::end_all(&mut transaction, now_us).await?;
        }
        rows::insert(&mut transaction, &lease, &identity, now_us).await?;
        rows::forget(&mut transaction).await?;
        transaction.commit().await?;
        let until = AtomicI64::new(until(db.dialect(), began));
        let held = ArcSwap::from_pointee(Held { lease, until });
        let (alive, in_touch_since) = (AtomicU32::new(1), AtomicI64::new(began.0));
        let inner = Inner { db, clock, identity, held, alive, in_touch_since };
        Ok(Nodes { inner: Arc::new(inner) })
    }

    /// The lease to begin something under; none while it may have ended.
    pub fn lease(&self) -> Option<LeaseId> {
        let held = self.inner.held.load();
        let until = MonoNanos(held.until.load(Ordering::Acquire));
        (self.inner.clock.monotonic() < until).then(|| held.lease.clone())
    }

    /// Is this the lease to begin something under?
    pub(crate) fn holds(&self, lease: &LeaseId) -> bool {
        self.lease().is_some_and(|own| own == *lease)
    }

    /// The lease of this process, whether it holds or not.
    pub fn current(&self) -> LeaseId {
        self.inner.held.load().lease.clone()
    }

    /// How many processes work, this one among them, as of the last sign of life.
    pub fn alive(&self) -> u32 {
        self.inner.alive.load(Ordering::Relaxed)
    }

    /// Every process that works, and those that ended last; newest first, at most [`MAX_NODES`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list(&self) -> Result<Vec<NodeRecord>, StoreError> {
        rows::list(&self.inner.db, &self.current(), MAX_NODES).await
    }

    /// Leases that have ended and whose work nobody has dealt with, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn ended_leases(&self) -> Result<Vec<LeaseId>, StoreError> {
        rows::ended(&self.inner.db, MAX_ENDED).await
    }

    /// Gives a sign of life, and ends the leases of those that gave none for [`LEASE`]. The sign is as
    /// old as the begin of `look`: who sees it knows that this process knows what was there before.
    pub(crate) async fn heartbeat(
        &self,
        look: impl AsyncFnOnce() -> Result<(), StoreError>,
    ) -> Result<Beat, StoreError> {
        let Inner { db, clock, identity, held, alive, .. } = &*self.inner;
        let began = clock.monotonic();
        let mine = held.load_full();
        // Not within the transaction: one connection must be enough, where a pooler has no other.
        let now_us = db.now_us(&**clock).await?;
        look().await?;
        let mut transaction = db.begin().await?;
        if db.dialect() == Dialect::Postgres && self.may_end_others(&mine, began) {
            let lease_us = i64::try_from(LEASE.as_micros()).unwrap_or(i64::MAX);
            let times = (now_us, now_us.saturating_sub(lease_us));
            rows::end_lapsed(&mut transaction, times, &mine.lease).await?;
        }
        alive.store(rows::count_alive(&mut transaction).await?.max(1), Ordering::Relaxed);
        if rows::beat(&mut transaction, &mine.lease, now_us).await? {
            transaction.commit().await?;
            mine.until.store(until(db.dialect(), began), Ordering::Release);
            return Ok(Beat::Held);
        }
        let lease = LeaseId::generate()?;
        transaction.lock(Lock::Nodes).await?;
        rows::insert(&mut transaction, &lease, identity, now_us).await?;
        transaction.commit().await?;
        let until = AtomicI64::new(until(db.dialect(), began));
        held.store(Arc::new(Held { lease, until }));
        Ok(Beat::Renewed)
    }

    /// Has this process been in touch for so long that who gave no sign is not merely slower?
    fn may_end_others(&self, mine: &Held, began: MonoNanos) -> bool {
        let since = &self.inner.in_touch_since;
        if began.after(IN_TOUCH).0 >= mine.until.load(Ordering::Acquire) {
            since.store(began.0, Ordering::Release);
        }
        MonoNanos(since.load(Ordering::Acquire)).after(TIME_FOR_OTHERS) <= began
    }

    /// Waits until every other process has looked at what was there at this moment of the database's
    /// clock, or has lost its lease: it begins nothing then.
    pub(crate) async fn all_looked_since(&self, since_us: i64) -> Result<(), StoreError> {
        let asking = async {
            while rows::has_behind(&self.inner.db, since_us, &self.current()).await? {
                tokio::time::sleep(ASK_AGAIN).await;
            }
            Ok(())
        };
        tokio::time::timeout(LOOKED_WITHIN, asking).await.unwrap_or_else(|_| {
            tracing::warn!("a node has not looked for {} s", LOOKED_WITHIN.as_secs());
            Ok(())
        })
    }

    /// Ends the lease of this process: it closes and leaves nothing.
    pub(crate) async fn leave(&self) -> Result<(), StoreError> {
        let Inner { db, clock, held, .. } = &*self.inner;
        let mut transaction = db.begin().await?;
        let now_us = transaction.now_us(&**clock).await?;
        rows::close(&mut transaction, &held.load().lease, now_us).await?;
        transaction.commit().await
    }

    /// Runs `work` for a lease that has ended, in one transaction with the note that it was done:
    /// exactly once over all processes. `work` says false when it cannot be done yet; then nothing
    /// is. Returns whether it was done by this process now.
    ///
    /// # Errors
    /// What `work` says; then nothing was done.
    pub(crate) async fn settle(
        &self,
        lease: &LeaseId,
        work: impl AsyncFnOnce(&mut Transaction) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let Inner { db, clock, .. } = &*self.inner;
        let mut transaction = db.begin().await?;
        let now_us = transaction.now_us(&**clock).await?;
        // The row is locked from here on: another process waits, and then finds it settled.
        if !rows::settle(&mut transaction, lease, now_us).await? || !work(&mut transaction).await? {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }
}

/// Until when a lease holds whose sign of life was begun at `began`.
fn until(dialect: Dialect, began: MonoNanos) -> i64 {
    match dialect {
        // Nobody else can have the file.
        Dialect::Sqlite => i64::MAX,
        Dialect::Postgres => began.after(LEASE.saturating_sub(MARGIN)).0,
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Nodes")
    }
}

#[cfg(test)]
pub(crate) use rows::STATEMENTS;

#[cfg(test)]
mod tests;
