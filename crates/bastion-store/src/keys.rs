//! The key directory: every key of the deployment, in the database and in memory.
//!
//! A change is written to the database first and to the snapshot before it returns, so that a
//! revocation counts from the next call on. It must never let a reader wait for a change, never
//! keep a plain key, and never stop in the middle of a change because its caller went away.

mod entry;
mod listing;
mod record;
mod rotation;
mod rows;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bastion_runtime::Tasks;
use bastion_types::{ApiKey, Clock, KeyId, KeyProblem, Timestamp};
use tokio::sync::Mutex;

pub use entry::KeyEntry;
pub use listing::{KeyFilter, KeyPage, MAX_PAGE, Page, RevokedKeys};
pub use record::{KeyRecord, NewKey, SecretInfo};
pub use rotation::{KeyError, MAX_LIVE_SECRETS, Overlap};

use crate::StoreError;
use crate::database::{Database, Lock, Transaction};

/// Keys that one deployment keeps, revoked and expired ones included: they answer with their reason.
pub const MAX_KEYS: usize = 100_000;

/// Last uses that one transaction writes, so that it does not keep others from writing.
const MAX_LAST_USES_PER_TRANSACTION: usize = 1_000;

/// All keys; cheap to clone.
#[derive(Clone)]
pub struct KeyDirectory {
    inner: Arc<Inner>,
    /// Changes run to their end here, whatever becomes of the one who asked.
    tasks: Tasks,
}

struct Inner {
    db: Database,
    clock: Arc<dyn Clock>,
    entries: ArcSwap<HashMap<KeyId, Arc<KeyEntry>>>,
    /// Whoever has the turn is the only one of this process who changes the snapshot.
    turn: Mutex<()>,
}

impl KeyDirectory {
    /// Reads all keys from the database.
    pub(crate) async fn load(
        db: Database,
        clock: Arc<dyn Clock>,
        tasks: Tasks,
    ) -> Result<KeyDirectory, StoreError> {
        let entries = ArcSwap::from_pointee(rows::load(&db).await?);
        Ok(KeyDirectory {
            inner: Arc::new(Inner { db, clock, entries, turn: Mutex::default() }),
            tasks,
        })
    }

    /// Makes a key. The plain key leaves here once and can never be read again.
    ///
    /// # Errors
    /// When there are [`MAX_KEYS`] already or the database cannot be written.
    pub async fn create(&self, new: NewKey) -> Result<(ApiKey, KeyRecord), StoreError> {
        let inner = Arc::clone(&self.inner);
        self.to_the_end(async move { inner.create(new).await }).await
    }

    /// Gives a key a second secret; the old ones end after `overlap`, or earlier if they would.
    ///
    /// # Errors
    /// When the key is unknown, revoked or expired, has [`MAX_LIVE_SECRETS`] live secrets already,
    /// or the database cannot be written.
    pub async fn rotate(
        &self,
        id: KeyId,
        overlap: Overlap,
    ) -> Result<(ApiKey, KeyRecord), KeyError> {
        let inner = Arc::clone(&self.inner);
        self.to_the_end(async move { inner.rotate(id, overlap).await }).await
    }

    /// Ends a key for good; again is fine and keeps the first time.
    ///
    /// # Errors
    /// When the key is unknown or the database cannot be written.
    pub async fn revoke(&self, id: KeyId) -> Result<KeyRecord, KeyError> {
        let inner = Arc::clone(&self.inner);
        self.to_the_end(async move { inner.revoke(id).await }).await
    }

    /// What is known of a key, with its last use up to this moment.
    pub fn get(&self, id: KeyId) -> Option<KeyRecord> {
        self.inner.entries.load().get(&id).map(|entry| entry.record())
    }

    /// The keys that fit `filter`, oldest first.
    pub fn list(&self, filter: KeyFilter, page: Page) -> KeyPage {
        listing::list(&self.inner.entries.load(), &filter, &page)
    }

    /// Whose key is this? Also marks the key's last use.
    ///
    /// Looks up by id and compares in constant time; allocates nothing and takes no lock.
    ///
    /// # Errors
    /// `Unknown`, `Revoked` (also for a secret whose overlap is over) or `Expired`.
    pub fn authenticate(
        &self,
        presented: &ApiKey,
        now: Timestamp,
    ) -> Result<Arc<KeyEntry>, KeyProblem> {
        let hash = presented.hashed();
        let entries = self.inner.entries.load();
        let entry = entries.get(&presented.id()).ok_or(KeyProblem::Unknown)?;
        entry.admit(presented.environment(), &hash, now)?;
        Ok(Arc::clone(entry))
    }

    /// Writes the last uses that changed since they were written; a job calls this.
    ///
    /// Returns how many were written.
    ///
    /// # Errors
    /// When the database cannot be written; what was not written stays to be written.
    pub async fn flush_last_use(&self) -> Result<u64, StoreError> {
        let entries = self.inner.entries.load_full();
        let changed: Vec<_> = entries
            .values()
            .filter_map(|entry| Some((entry, entry.unwritten_last_use()?)))
            .collect();
        let mut written = 0_u64;
        for chunk in changed.chunks(MAX_LAST_USES_PER_TRANSACTION) {
            let mut transaction = self.inner.db.begin().await?;
            for (entry, at) in chunk {
                rows::set_last_use(&mut transaction, entry.id, *at).await?;
            }
            transaction.commit().await?;
            for (entry, at) in chunk {
                entry.last_use_was_written(*at);
                written = written.saturating_add(1);
            }
        }
        Ok(written)
    }

    /// Runs a change in a task of its own: one that is dropped between the database's commit and
    /// the snapshot would leave a revoked key open until the next start.
    async fn to_the_end<T, E>(
        &self,
        change: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.tasks.spawn(change).await.unwrap_or_else(|_| Err(StoreError::CutOff.into()))
    }
}

impl Inner {
    async fn create(&self, new: NewKey) -> Result<(ApiKey, KeyRecord), StoreError> {
        let _turn = self.turn.lock().await;
        let mut transaction = self.begin().await?;
        if self.entries.load().len() >= MAX_KEYS {
            return Err(StoreError::TooManyKeys { max: MAX_KEYS });
        }
        let plain = ApiKey::generate(&new.environment).map_err(|_| StoreError::NoRandomness)?;
        let entry = KeyEntry::new(new, &plain, self.clock.now());
        rows::insert_key(&mut transaction, &entry).await?;
        transaction.commit().await?;
        Ok((plain, self.publish(entry)))
    }

    async fn rotate(&self, id: KeyId, overlap: Overlap) -> Result<(ApiKey, KeyRecord), KeyError> {
        let _turn = self.turn.lock().await;
        let mut transaction = self.begin().await?;
        let before = self.find(&mut transaction, id).await?;
        let now = self.clock.now();
        let plain =
            ApiKey::generate_for(&before.environment, id).map_err(|_| StoreError::NoRandomness)?;
        let after = rotation::rotated(&before, plain.hashed(), overlap, now)?;
        rows::replace_secrets(&mut transaction, &before, &after).await?;
        transaction.commit().await?;
        Ok((plain, self.publish(after)))
    }

    async fn revoke(&self, id: KeyId) -> Result<KeyRecord, KeyError> {
        let _turn = self.turn.lock().await;
        let mut transaction = self.begin().await?;
        let before = self.find(&mut transaction, id).await?;
        if before.revoked_at.is_some() {
            return Ok(before.record());
        }
        let now = self.clock.now();
        rows::set_revoked(&mut transaction, id, now).await?;
        transaction.commit().await?;
        Ok(self.publish(before.revoked(now)))
    }

    /// A transaction in which no other process changes keys.
    async fn begin(&self) -> Result<Transaction, StoreError> {
        let mut transaction = self.db.begin().await?;
        transaction.lock(Lock::Keys).await?;
        Ok(transaction)
    }

    /// The key as the database has it: another process may have changed it a moment ago.
    async fn find(&self, transaction: &mut Transaction, id: KeyId) -> Result<KeyEntry, KeyError> {
        let stored = rows::load_one(transaction, id).await?.ok_or(KeyError::Unknown { id })?;
        Ok(match self.entries.load().get(&id) {
            Some(known) => stored.used_as(known),
            None => stored,
        })
    }

    /// Shows a changed or new entry to every reader. Only who has the turn may call this.
    fn publish(&self, entry: KeyEntry) -> KeyRecord {
        let record = entry.record();
        let mut entries = HashMap::clone(&self.entries.load());
        entries.insert(entry.id, Arc::new(entry));
        self.entries.store(Arc::new(entries));
        record
    }
}

#[cfg(test)]
pub(crate) use rows::STATEMENTS;

#[cfg(test)]
mod tests;
