//! SQLite: one connection that writes and a few that read, their settings, what error codes mean.
//!
//! It must never hold a statement about keys or calls, and never have two writers.

mod connections;
mod row;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::StoreError;
use crate::patience::Patience;
use crate::statement::Statement;
use connections::{Connections, Taken};
pub(crate) use row::{RowOf, SqliteRow, in_rows};

/// Connections that only read.
const READERS: u32 = 4;
/// How long SQLite itself waits for a lock that another connection has.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements that a connection keeps prepared.
const PREPARED: usize = 128;

/// What is committed is on the disk. The write-ahead log is cut back to 64 MiB after a checkpoint.
const DURABLE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
     PRAGMA journal_size_limit = 67108864";
const READS_ONLY: &str = "PRAGMA query_only = ON";
const FOREIGN_KEYS: &str = "PRAGMA foreign_keys = ON";

/// A deferred transaction that reads and then writes fails at once with 'busy'; this one waits.
const BEGIN: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const CHECKPOINT: &str = "PRAGMA wal_checkpoint(TRUNCATE)";

/// Primary result codes. Source: <https://www.sqlite.org/rescode.html>.
mod code {
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const NOTADB: i32 = 26;
    /// What speaks of the values: too big, a constraint, of another type, a mark that is none.
    pub(super) const OF_VALUES: [i32; 4] = [18, 19, 20, 25];
    /// The shared-memory file could not grow: how a full disk shows at the first connection.
    pub(super) const IOERR_SHMSIZE: i32 = 4874;
    /// The low byte of an extended code is the primary one.
    pub(super) const PRIMARY_MASK: i32 = 0xff;
}

/// One writer and a few readers of one database; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct SqliteDatabase {
    writer: Arc<Connections>,
    /// In memory these are the writer: such a database lives as long as its connection.
    readers: Arc<Connections>,
    patience: Patience,
}

impl SqliteDatabase {
    /// Opens the file, which exists.
    ///
    /// # Errors
    /// When it is no database, or damaged, or its folder cannot take the files beside it.
    pub(crate) async fn open(file: &Path) -> Result<SqliteDatabase, StoreError> {
        let (read, written) = (file.to_owned(), file.to_owned());
        let writer = Connections::new(1, move || opened(&written, DURABLE));
        let readers = Connections::new(READERS, move || opened(&read, READS_ONLY));
        // At once: it makes the write-ahead log that the readers need.
        writer.take().await?.with(|_| Ok(())).await?;
        Ok(SqliteDatabase { writer, readers, patience: Patience::new() })
    }

    /// Opens the file, which exists, for who changes nothing: another process may have it.
    ///
    /// # Errors
    /// When it is no database, or damaged, or the files beside it cannot be had.
    pub(crate) async fn open_to_look(file: &Path) -> Result<SqliteDatabase, StoreError> {
        let file = file.to_owned();
        // As it was left: neither its journal nor its settings are changed.
        let only = Connections::new(1, move || opened(&file, ""));
        only.take().await?.with(|_| Ok(())).await?;
        Ok(SqliteDatabase { writer: Arc::clone(&only), readers: only, patience: Patience::new() })
    }

    /// A database that lives as long as its one connection, for the demo and for tests.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(crate) async fn open_in_memory() -> Result<SqliteDatabase, StoreError> {
        let writer = Connections::new(1, || settled(Connection::open_in_memory()?, ""));
        writer.take().await?.with(|_| Ok(())).await?;
        Ok(SqliteDatabase { readers: Arc::clone(&writer), writer, patience: Patience::new() })
    }

    /// A transaction on the one connection that writes. Whoever has it is alone.
    pub(crate) async fn begin(&self) -> Result<SqliteTransaction, StoreError> {
        let begun = |connection: &Connection| Ok(connection.execute_batch(BEGIN)?);
        let (taken, ()) = self.writer.take().await?.with(begun).await?;
        Ok(SqliteTransaction { taken: Some(taken) })
    }

    /// All of it in one transaction: one way to the database's thread and back.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let whole = |connection: &Connection| {
            connection.execute_batch(BEGIN)?;
            let told = work(connection)?;
            connection.execute_batch(COMMIT)?;
            Ok(told)
        };
        Ok(self.writer.take().await?.with(whole).await?.1)
    }

    /// One statement on the writer, a transaction by itself; how many rows it changed.
    pub(crate) async fn run(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let statement = statement.owned();
        let writer = self.writer.take().await?;
        Ok(writer.with(move |connection| row::run(connection, &statement)).await?.1)
    }

    /// All rows, by a connection that only reads.
    pub(crate) async fn rows(
        &self,
        statement: Statement<'_>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let reader = self.readers.take().await?;
        Ok(reader.with(read(statement, usize::MAX)).await?.1)
    }

    /// The same for what reads a whole history.
    pub(crate) async fn rows_patiently(
        &self,
        statement: Statement<'_>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let _turn = self.patience.turn().await?;
        self.rows(statement).await
    }

    /// The first row, by a connection that only reads.
    pub(crate) async fn row(
        &self,
        statement: Statement<'_>,
    ) -> Result<Option<SqliteRow>, StoreError> {
        let reader = self.readers.take().await?;
        Ok(reader.with(read(statement, 1)).await?.1.pop())
    }

    /// Is it a statement of this database?
    #[cfg(test)]
    pub(crate) async fn prepares(&self, text: String) -> Result<(), StoreError> {
        let writer = self.writer.take().await?;
        let prepare = move |connection: &Connection| {
            connection.prepare(&text)?;
            Ok(())
        };
        writer.with(prepare).await.map(drop)
    }

    /// Moves the write-ahead log into the file and closes every connection; again is fine.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        if !Arc::ptr_eq(&self.readers, &self.writer) {
            self.readers.close().await;
        }
        let checkpoint = match self.writer.take().await {
            Ok(writer) => writer.with(|connection| Ok(connection.execute_batch(CHECKPOINT)?)).await,
            Err(StoreError::Closed) => return Ok(()),
            Err(cause) => Err(cause),
        };
        let checkpoint = checkpoint.map(drop);
        self.writer.close().await;
        checkpoint
    }
}

/// A transaction on the writer; dropped without [`commit`](SqliteTransaction::commit) it leaves
/// nothing. An error ends it.
#[derive(Debug)]
pub(crate) struct SqliteTransaction {
    taken: Option<Taken>,
}

impl SqliteTransaction {
    /// How many rows the statement changed.
    pub(crate) async fn run(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        let statement = statement.owned();
        self.on(move |connection| row::run(connection, &statement)).await
    }

    /// All rows.
    pub(crate) async fn rows(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        self.on(read(statement, usize::MAX)).await
    }

    /// The first row.
    pub(crate) async fn row(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Option<SqliteRow>, StoreError> {
        Ok(self.on(read(statement, 1)).await?.pop())
    }

    /// Several statements without values.
    pub(crate) async fn script(&mut self, script: &'static str) -> Result<(), StoreError> {
        self.on(|connection| Ok(connection.execute_batch(script)?)).await
    }

    /// Makes it last.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        self.finish(|_| Ok(())).await
    }

    /// Does this and makes all of it last: one way to the database's thread and back.
    pub(crate) async fn finish(
        mut self,
        work: impl FnOnce(&Connection) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.on(|connection| {
            work(connection)?;
            Ok(connection.execute_batch(COMMIT)?)
        })
        .await
    }

    async fn on<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (taken, told) = self.taken.take().ok_or(StoreError::Undone)?.with(work).await?;
        self.taken = Some(taken);
        Ok(told)
    }
}

/// All rows, for whoever is on the database's thread already.
pub(crate) fn rows_on(
    connection: &Connection,
    statement: Statement<'_>,
) -> Result<Vec<SqliteRow>, StoreError> {
    row::rows(connection, &statement, usize::MAX)
}

fn read(
    statement: Statement<'_>,
    at_most: usize,
) -> impl FnOnce(&Connection) -> Result<Vec<SqliteRow>, StoreError> + Send + use<> {
    let statement = statement.owned();
    move |connection| row::rows(connection, &statement, at_most)
}

fn opened(file: &Path, settings: &str) -> rusqlite::Result<Connection> {
    // One at a time uses a connection: SQLite needs no lock of its own.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    settled(Connection::open_with_flags(file, flags)?, settings)
}

fn settled(connection: Connection, settings: &str) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    connection.execute_batch(FOREIGN_KEYS)?;
    connection.execute_batch(settings)?;
    Ok(connection)
}

/// What an error of SQLite means.
pub(crate) fn by_code(extended: i32, message: &str) -> StoreError {
    match extended & code::PRIMARY_MASK {
        code::FULL => StoreError::Full,
        _ if extended == code::IOERR_SHMSIZE => StoreError::Full,
        code::READONLY | code::CANTOPEN => StoreError::ReadOnly,
        code::BUSY | code::LOCKED => StoreError::Busy,
        code::CORRUPT | code::NOTADB => StoreError::Corrupt { what: message.to_owned() },
        primary if code::OF_VALUES.contains(&primary) => {
            StoreError::RowRefused { what: message.to_owned() }
        }
        code::IOERR => StoreError::Failed { what: format!("the disk failed: {message}") },
        _ => StoreError::Failed { what: message.to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_sqlite_becomes_its_cause() {
        let check = |code: i32, expect: &str| {
            let error = by_code(code, "m");
            assert!(format!("{error:?}").starts_with(expect), "{code}: {error:?}");
        };
        check(13, "Full");
        check(4874, "Full");
        check(8, "ReadOnly");
        check(1032, "ReadOnly");
        check(5, "Busy");
        check(517, "Busy");
        check(11, "Corrupt");
        check(26, "Corrupt");
        check(778, "Failed");
        check(1, "Failed");
    }
}
