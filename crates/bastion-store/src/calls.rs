//! The call log: every call that is over, newest first.
//!
//! It must never hold a body, and never grow without end: retention deletes by time.

mod columns;
mod document;
mod filter;
mod rows;

use bastion_types::{CallRecord, RequestId, Timestamp};

pub use filter::CallFilter;

use crate::StoreError;
use crate::sqlite::Database;

/// Most calls that one read returns.
pub const MAX_CALLS_READ: u32 = 200;

/// Recorded calls; cheap to clone.
#[derive(Debug, Clone)]
pub struct CallLog {
    db: Database,
}

impl CallLog {
    pub(crate) fn new(db: Database) -> CallLog {
        CallLog { db }
    }

    /// Stores all of `batch` or, on an error, nothing. A call that is stored already stays as it
    /// is, so that a batch whose outcome was not known can be given again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn append(&self, batch: &[CallRecord]) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        if batch.len() <= rows::ROWS_AT_ONCE {
            // One statement is a transaction by itself.
            return rows::insert(&mut *self.db.writer().await?, batch).await;
        }
        let mut transaction = self.db.begin().await?;
        for part in batch.chunks(rows::ROWS_AT_ONCE) {
            rows::insert(&mut transaction, part).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The calls that fit `filter`, newest first; at most `limit`, at most [`MAX_CALLS_READ`].
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn recent(
        &self,
        filter: CallFilter,
        limit: u32,
    ) -> Result<Vec<CallRecord>, StoreError> {
        rows::select(self.db.reader(), &filter, limit.min(MAX_CALLS_READ)).await
    }

    /// One call.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn get(&self, id: RequestId) -> Result<Option<CallRecord>, StoreError> {
        rows::select_one(self.db.reader(), id).await
    }

    /// Deletes calls that came in before `at`, oldest first, at most so many at a time.
    ///
    /// Returns how many are gone.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn delete_before(&self, at: Timestamp, at_most: u32) -> Result<u64, StoreError> {
        let mut transaction = self.db.begin().await?;
        let deleted = rows::delete_before(&mut transaction, at, at_most).await?;
        transaction.commit().await?;
        Ok(deleted)
    }
}

#[cfg(test)]
mod tests;
