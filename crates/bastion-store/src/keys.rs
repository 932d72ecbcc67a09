//! The key directory: every key of the deployment, in the database and in memory.
//!
//! A change is written to the database first and to the snapshot before it returns, so that a
//! revocation counts from the next call on. It must never let a reader wait for a change, never
//! keep a plain key, and never stop in the middle of a change because its caller went away.

mod changes;
mod entry;
mod listing;
mod record;
mod rotation;
mod rows;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use bastion_runtime::Tasks;
use bastion_types::{ApiKey, Clock, KeyId, KeyProblem, Timestamp};

pub use entry::KeyEntry;
pub use listing::{KeyFilter, KeyPage, MAX_PAGE, Page, RevokedKeys};
pub use record::{KeyBonds, KeyRecord, NewKey, SecretInfo};
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
    /// The last change that was read from the database. Changes are numbered over all processes,
    /// so that whatever comes late never takes the place of what is newer.
    read_to: AtomicI64,
}

impl KeyDirectory {
    /// Reads all keys from the database.
    pub(crate) async fn load(
        db: Database,
        clock: Arc<dyn Clock>,
        tasks: Tasks,
    ) -> Result<KeyDirectory, StoreError> {
        let read_to = AtomicI64::new(changes::latest(&db).await?);
        let entries = ArcSwap::from_pointee(rows::load(&db).await?);
        Ok(KeyDirectory { inner: Arc::new(Inner { db, clock, entries, read_to }), tasks })
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

    /// Reads what other processes have changed since the last time.
    pub(crate) async fn read_changes(&self) -> Result<(), StoreError> {
        self.inner.read_changes().await
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
        let mut transaction = self.begin().await?;
        if self.entries.load().len() >= MAX_KEYS {
            return Err(StoreError::TooManyKeys { max: MAX_KEYS });
        }
        let plain = ApiKey::generate(&new.environment).map_err(|_| StoreError::NoRandomness)?;
        let entry = KeyEntry::new(new, &plain, self.clock.now());
        rows::insert_key(&mut transaction, &entry).await?;
        Ok((plain, self.finish(transaction, entry).await?))
    }

    async fn rotate(&self, id: KeyId, overlap: Overlap) -> Result<(ApiKey, KeyRecord), KeyError> {
        let mut transaction = self.begin().await?;
        let before = self.find(&mut transaction, id).await?;
        let now = self.clock.now();
        let plain =
            ApiKey::generate_for(&before.environment, id).map_err(|_| StoreError::NoRandomness)?;
        let after = rotation::rotated(&before, plain.hashed(), overlap, now)?;
        rows::replace_secrets(&mut transaction, &before, &after).await?;
        Ok((plain, self.finish(transaction, after).await?))
    }

    async fn revoke(&self, id: KeyId) -> Result<KeyRecord, KeyError> {
        let mut transaction = self.begin().await?;
        let before = self.find(&mut transaction, id).await?;
        if before.revoked_at.is_some() {
            let record = before.record();
            self.publish([before]);
            return Ok(record);
        }
        let now = self.clock.now();
        rows::set_revoked(&mut transaction, id, now).await?;
        Ok(self.finish(transaction, before.revoked(now)).await?)
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

    /// Numbers the change, makes it last, and shows it to every reader of this process; the others
    /// are told.
    async fn finish(
        &self,
        mut transaction: Transaction,
        entry: KeyEntry,
    ) -> Result<KeyRecord, StoreError> {
        let change = changes::next(&mut transaction, entry.id).await?;
        transaction.announce().await?;
        transaction.commit().await?;
        let record = entry.record();
        self.publish([KeyEntry { change, ..entry }]);
        Ok(record)
    }

    /// Shows changed and new entries to every reader, unless newer ones are shown already.
    fn publish(&self, changed: impl IntoIterator<Item = KeyEntry>) {
        let changed: Vec<_> = changed.into_iter().collect();
        self.entries.rcu(|known| {
            let mut entries = HashMap::clone(known);
            for entry in &changed {
                let entry = match known.get(&entry.id) {
                    Some(known) if known.change > entry.change => continue,
                    Some(known) => entry.clone().used_as(known),
                    None => entry.clone(),
                };
                entries.insert(entry.id, Arc::new(entry));
            }
            entries
        });
    }

    async fn read_changes(&self) -> Result<(), StoreError> {
        let from = self.read_to.load(Ordering::Acquire);
        let latest = changes::latest(&self.db).await?;
        if latest > from {
            self.publish(rows::load_changed(&self.db, from).await?);
            self.read_to.store(latest, Ordering::Release);
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) use changes::STATEMENTS as CHANGE_STATEMENTS;
#[cfg(test)]
pub(crate) use rows::STATEMENTS;

#[cfg(test)]
mod tests;
