//! The call log: every call that is over, newest first.
//!
//! It must never hold a body, and never grow without end: retention deletes by time.

mod columns;
mod document;
mod filter;
mod rows;

use bastion_types::{CallRecord, RequestId, Timestamp};

pub use filter::CallFilter;
pub(crate) use rows::call as read_call;

use crate::StoreError;
use crate::database::Database;

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
        if let Database::Sqlite(db) = &self.db {
            let rows = batch.iter().map(rows::Stored::of).collect::<Result<Vec<_>, _>>()?;
            return db.write(move |connection| rows::add(connection, &rows)).await;
        }
        if batch.len() <= rows::ROWS_AT_ONCE {
            // One statement is a transaction by itself.
            self.db.run(rows::insert(batch)?).await?;
            return Ok(());
        }
        let mut transaction = self.db.begin().await?;
        for part in batch.chunks(rows::ROWS_AT_ONCE) {
            transaction.run(rows::insert(part)?).await?;
        }
        transaction.commit().await
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
        let select = rows::select(&filter, limit.min(MAX_CALLS_READ));
        self.db.rows(select).await?.iter().map(rows::call).collect()
    }

    /// One call.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn get(&self, id: RequestId) -> Result<Option<CallRecord>, StoreError> {
        let row = self.db.row(rows::select_one(&id)).await?;
        row.as_ref().map(rows::call).transpose()
    }

    /// Deletes calls that came in before `at`, oldest first, at most so many at a time.
    ///
    /// Returns how many are gone.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn delete_before(&self, at: Timestamp, at_most: u32) -> Result<u64, StoreError> {
        self.db.run(rows::delete_before(at, at_most)).await
    }
}

#[cfg(test)]
pub(crate) use rows::STATEMENTS;

#[cfg(test)]
mod tests;
