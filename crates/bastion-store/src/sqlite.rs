//! SQLite: its two pools, its settings and what its error codes mean.
//!
//! It must never hold a statement about keys or calls, and never have two writers.

use std::path::Path;
use std::time::Duration;

use sqlx::query::Query;
use sqlx::sqlite::{
    Sqlite, SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool,
    SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Transaction};

use crate::StoreError;
use crate::statement::{Cached, Row, Statement, Value};

/// Connections that only read.
const READERS: u32 = 4;
/// How long SQLite itself waits for a lock that another connection has.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller of the store waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// What the write-ahead log is cut back to after a checkpoint, in bytes.
const WAL_SIZE_LIMIT_BYTES: &str = "67108864";

/// A deferred transaction that reads and then writes fails at once with 'busy'; this one waits.
const BEGIN: &str = "BEGIN IMMEDIATE";
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
pub(crate) struct SqliteDatabase {
    writer: SqlitePool,
    reader: SqlitePool,
}

impl SqliteDatabase {
    /// Opens the file, which exists.
    ///
    /// # Errors
    /// When it is no database, or damaged, or its folder cannot take the files beside it.
    pub(crate) async fn open(file: &Path) -> Result<SqliteDatabase, StoreError> {
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
        Ok(SqliteDatabase { writer, reader })
    }

    /// A database that lives as long as its one connection, for the demo and for tests.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(crate) async fn open_in_memory() -> Result<SqliteDatabase, StoreError> {
        let memory = settings(SqliteConnectOptions::new()).in_memory(true);
        let writer = pool(1).connect_with(memory).await?;
        Ok(SqliteDatabase { reader: writer.clone(), writer })
    }

    /// A transaction on the one connection that writes. Whoever has it is alone.
    pub(crate) async fn begin(&self) -> Result<SqliteTransaction, StoreError> {
        Ok(SqliteTransaction { inner: self.writer.begin_with(BEGIN).await? })
    }

    /// One statement on the writer, a transaction by itself; how many rows it changed.
    pub(crate) async fn run(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let mut writer = self.writer.acquire().await?;
        Ok(query(statement).execute(&mut *writer).await?.rows_affected())
    }

    /// All rows, by a connection that only reads.
    pub(crate) async fn rows(&self, statement: Statement<'_>) -> Result<Vec<Row>, StoreError> {
        let rows = query(statement).fetch_all(&self.reader).await?;
        Ok(rows.into_iter().map(Row::Sqlite).collect())
    }

    /// The first row, by a connection that only reads.
    pub(crate) async fn row(&self, statement: Statement<'_>) -> Result<Option<Row>, StoreError> {
        Ok(query(statement).fetch_optional(&self.reader).await?.map(Row::Sqlite))
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

/// A transaction on the writer; dropped without [`commit`](SqliteTransaction::commit) it leaves
/// nothing.
#[derive(Debug)]
pub(crate) struct SqliteTransaction {
    inner: Transaction<'static, Sqlite>,
}

impl SqliteTransaction {
    /// How many rows the statement changed.
    pub(crate) async fn run(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        Ok(query(statement).execute(self.connection()).await?.rows_affected())
    }

    /// All rows.
    pub(crate) async fn rows(&mut self, statement: Statement<'_>) -> Result<Vec<Row>, StoreError> {
        let rows = query(statement).fetch_all(self.connection()).await?;
        Ok(rows.into_iter().map(Row::Sqlite).collect())
    }

    /// The first row.
    pub(crate) async fn row(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(query(statement).fetch_optional(self.connection()).await?.map(Row::Sqlite))
    }

    /// Several statements without values.
    pub(crate) async fn script(&mut self, script: &'static str) -> Result<(), StoreError> {
        sqlx::raw_sql(script).execute(self.connection()).await?;
        Ok(())
    }

    /// Makes it last.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        Ok(self.inner.commit().await?)
    }

    fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.inner
    }
}

fn query(statement: Statement<'_>) -> Query<'_, Sqlite, SqliteArguments> {
    let query = sqlx::query(statement.text).persistent(statement.cached == Cached::Yes);
    statement.values.into_iter().fold(query, |query, value| match value {
        Value::Number(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
        Value::Shared(text) => query.bind(text),
        Value::Bytes(bytes) => query.bind(bytes),
    })
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

/// What an error of SQLite means.
pub(crate) fn by_code(code: Option<&str>, message: &str) -> StoreError {
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
