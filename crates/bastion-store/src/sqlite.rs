//! SQLite: its two pools, its settings and what its error codes mean.
//!
//! It must never hold a statement about keys or calls, and never have two writers.

use std::path::Path;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Transaction};

use crate::StoreError;

/// Connections that only read.
const READERS: u32 = 4;
/// How long SQLite itself waits for a lock that another connection has.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller of the store waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// What the write-ahead log is cut back to after a checkpoint, in bytes.
const WAL_SIZE_LIMIT_BYTES: &str = "67108864";

/// A deferred transaction that reads and then writes fails at once with 'busy'; this one waits.
pub(crate) const BEGIN: &str = "BEGIN IMMEDIATE";
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// Primary result codes. Source: <https://www.sqlite.org/rescode.html>.
mod code {
    pub(super) const BUSY: i64 = 5;
    pub(super) const LOCKED: i64 = 6;
    pub(super) const READONLY: i64 = 8;
    pub(super) const IOERR: i64 = 10;
    pub(super) const CORRUPT: i64 = 11;
    pub(super) const FULL: i64 = 13;
    pub(super) const CANTOPEN: i64 = 14;
    pub(super) const NOTADB: i64 = 26;
    /// The shared-memory file could not grow: how a full disk shows at the first connection.
    pub(super) const IOERR_SHMSIZE: i64 = 4874;
    /// The low byte of an extended code is the primary one.
    pub(super) const PRIMARY_MASK: i64 = 0xff;
}

/// One writer and a few readers of one database; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl Database {
    /// Opens the file, which exists.
    ///
    /// # Errors
    /// When it is no database, or damaged, or its folder cannot take the files beside it.
    pub(crate) async fn open(file: &Path) -> Result<Database, StoreError> {
        let both = settings(SqliteConnectOptions::new()).filename(file).create_if_missing(false);
        let durable = both
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", WAL_SIZE_LIMIT_BYTES);
        let query_only = both.pragma("query_only", "on");
        // The writer first: it makes the write-ahead log that the readers need.
        let writer = pool(1).connect_with(durable).await?;
        let reader = pool(READERS).connect_lazy_with(query_only);
        Ok(Database { writer, reader })
    }

    /// A database that lives as long as its one connection, for the demo and for tests.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(crate) async fn open_in_memory() -> Result<Database, StoreError> {
        let memory = settings(SqliteConnectOptions::new()).in_memory(true);
        let writer = pool(1).connect_with(memory).await?;
        Ok(Database { reader: writer.clone(), writer })
    }

    /// The one connection that writes. Whoever has it is alone: changes come one after another.
    pub(crate) async fn writer(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.writer.acquire().await?)
    }

    /// A transaction on the writer.
    pub(crate) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with(BEGIN).await?)
    }

    /// The connections that read.
    pub(crate) fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// Moves the write-ahead log into the file and closes every connection.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.reader_only_close().await;
        let checkpoint = if self.writer.is_closed() { Ok(()) } else { self.checkpoint().await };
        self.writer.close().await;
        checkpoint
    }

    async fn checkpoint(&self) -> Result<(), StoreError> {
        sqlx::query(CHECKPOINT).execute(&self.writer).await?;
        Ok(())
    }

    /// In memory the reader is the writer, which must stay open for a moment longer.
    async fn reader_only_close(&self) {
        if self.reader.options().get_max_connections() > 1 {
            self.reader.close().await;
        }
    }
}

fn settings(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options.foreign_keys(true).busy_timeout(BUSY_TIMEOUT).disable_statement_logging()
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        // The ping waits for what the connection still has to do, so that the next line sees it.
        .test_before_acquire(true)
        .before_acquire(|connection, _| {
            // When a full disk makes SQLite roll back by itself, sqlx's own rollback fails and it
            // believes for ever that a transaction is open: such a connection is replaced.
            let usable = !connection.is_in_transaction();
            Box::pin(async move { Ok(usable) })
        })
}

impl From<sqlx::Error> for StoreError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "sqlx has many that SQLite never gives")]
    fn from(error: sqlx::Error) -> StoreError {
        match error {
            sqlx::Error::PoolTimedOut => StoreError::Busy,
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => StoreError::Closed,
            sqlx::Error::ColumnDecode { index, .. } => StoreError::corrupt(&index),
            sqlx::Error::Database(told) => by_code(told.code().as_deref(), told.message()),
            other => StoreError::Failed { what: other.to_string() },
        }
    }
}

fn by_code(code: Option<&str>, message: &str) -> StoreError {
    let extended: i64 = code.and_then(|code| code.parse().ok()).unwrap_or(0);
    match extended & code::PRIMARY_MASK {
        code::FULL => StoreError::Full,
        _ if extended == code::IOERR_SHMSIZE => StoreError::Full,
        code::READONLY | code::CANTOPEN => StoreError::ReadOnly,
        code::BUSY | code::LOCKED => StoreError::Busy,
        code::CORRUPT | code::NOTADB => StoreError::Corrupt { what: message.to_owned() },
        code::IOERR => StoreError::Failed { what: format!("the disk failed: {message}") },
        _ => StoreError::Failed { what: message.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_sqlite_becomes_its_cause() {
        let check = |code: &str, expect: &str| {
            let error = by_code(Some(code), "m");
            assert!(format!("{error:?}").starts_with(expect), "{code}: {error:?}");
        };
        check("13", "Full");
        check("4874", "Full");
        check("8", "ReadOnly");
        check("1032", "ReadOnly");
        check("5", "Busy");
        check("517", "Busy");
        check("11", "Corrupt");
        check("26", "Corrupt");
        check("778", "Failed");
        check("1", "Failed");
    }
}
