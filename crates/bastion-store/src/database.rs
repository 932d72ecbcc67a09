//! The database, whichever it is: transactions, rows, time and locks in one form.
//!
//! It must never hold a statement about keys or calls. What differs between the two stands in
//! their own files.

use bastion_types::Clock;

use crate::StoreError;
use crate::postgres::{PostgresDatabase, PostgresTransaction};
use crate::row::Row;
use crate::sqlite::{SqliteDatabase, SqliteRow, SqliteTransaction};
use crate::statement::Statement;
#[cfg(test)]
use crate::statement::{Cached, made_statement};

/// A database; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// A file of this process alone.
    Sqlite(SqliteDatabase),
    /// A server that several processes share.
    Postgres(PostgresDatabase),
}

/// Which of the two, where a statement cannot be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// SQLite's.
    Sqlite,
    /// PostgreSQL's.
    Postgres,
}

/// What only one transaction of all processes does at a time. SQLite has one writer anyway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// Schema steps.
    Schema,
    /// Changes of keys.
    Keys,
    /// Leases being taken.
    Nodes,
}

impl Lock {
    /// A number of ours in a space that other programs of the database may use too.
    fn number(self) -> i64 {
        match self {
            Lock::Schema => 0x0062_6173_7469_0001,
            Lock::Keys => 0x0062_6173_7469_0002,
            Lock::Nodes => 0x0062_6173_7469_0003,
        }
    }
}

/// The same for both.
macro_rules! either {
    ($on:expr, $inner:ident => $does:expr) => {
        match $on {
            Self::Sqlite($inner) => $does,
            Self::Postgres($inner) => $does,
        }
    };
}

impl Database {
    /// Which one it is.
    pub(crate) fn dialect(&self) -> Dialect {
        match self {
            Database::Sqlite(_) => Dialect::Sqlite,
            Database::Postgres(_) => Dialect::Postgres,
        }
    }

    /// A transaction that may write. On SQLite it is the only one.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(match self {
            Database::Sqlite(inner) => Transaction::Sqlite(inner.begin().await?),
            Database::Postgres(inner) => Transaction::Postgres(inner.begin().await?),
        })
    }

    /// One statement, a transaction by itself; how many rows it changed.
    pub(crate) async fn run(&self, statement: Statement<'_>) -> Result<u64, StoreError> {
        either!(self, inner => inner.run(statement).await)
    }

    /// All rows of a statement that only reads.
    pub(crate) async fn rows(&self, statement: Statement<'_>) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(inner) => Ok(ours(inner.rows(statement).await?)),
            Self::Postgres(inner) => inner.rows(statement).await,
        }
    }

    /// The same for a statement that reads a whole history, and may take minutes.
    pub(crate) async fn rows_patiently(
        &self,
        statement: Statement<'_>,
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Database::Sqlite(inner) => Ok(ours(inner.rows_patiently(statement).await?)),
            Database::Postgres(inner) => inner.rows_patiently(statement).await,
        }
    }

    /// The first row of a statement that only reads.
    pub(crate) async fn row(&self, statement: Statement<'_>) -> Result<Option<Row>, StoreError> {
        match self {
            Self::Sqlite(inner) => Ok(inner.row(statement).await?.map(Row::Sqlite)),
            Self::Postgres(inner) => inner.row(statement).await,
        }
    }

    /// The time that all processes of this database share, as [`Transaction::now_us`] has it.
    pub(crate) async fn now_us(&self, own: &dyn Clock) -> Result<i64, StoreError> {
        match self {
            Database::Sqlite(_) => Ok(own.now().micros()),
            Database::Postgres(inner) => {
                let mut transaction = inner.begin().await?;
                let now_us = transaction.now_us().await?;
                transaction.commit().await?;
                Ok(now_us)
            }
        }
    }

    /// Is it a statement of this database, which has its own number there?
    #[cfg(test)]
    pub(crate) async fn prepares(&self, number: usize, text: &str) -> Result<(), StoreError> {
        match self {
            Database::Sqlite(inner) => inner.prepares(text.to_owned()).await,
            Database::Postgres(inner) => {
                let text = format!("PREPARE it_{number} AS {text}");
                inner.run(made_statement(text, Cached::No)).await.map(drop)
            }
        }
    }

    /// Closes every connection; again is fine.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        match self {
            Database::Sqlite(inner) => inner.close().await,
            Database::Postgres(inner) => {
                inner.close().await;
                Ok(())
            }
        }
    }
}

fn ours(rows: Vec<SqliteRow>) -> Vec<Row> {
    rows.into_iter().map(Row::Sqlite).collect()
}

/// A transaction. Dropped without [`commit`](Transaction::commit) it leaves nothing.
#[derive(Debug)]
pub(crate) enum Transaction {
    /// On the one connection that writes.
    Sqlite(SqliteTransaction),
    /// On one of several connections.
    Postgres(PostgresTransaction),
}

impl Transaction {
    /// How many rows the statement changed.
    pub(crate) async fn run(&mut self, statement: Statement<'_>) -> Result<u64, StoreError> {
        either!(self, inner => inner.run(statement).await)
    }

    /// All rows.
    pub(crate) async fn rows(&mut self, statement: Statement<'_>) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(inner) => Ok(ours(inner.rows(statement).await?)),
            Self::Postgres(inner) => inner.rows(statement).await,
        }
    }

    /// The first row.
    pub(crate) async fn row(
        &mut self,
        statement: Statement<'_>,
    ) -> Result<Option<Row>, StoreError> {
        match self {
            Self::Sqlite(inner) => Ok(inner.row(statement).await?.map(Row::Sqlite)),
            Self::Postgres(inner) => inner.row(statement).await,
        }
    }

    /// Several statements without values, which may take their time: a schema step.
    pub(crate) async fn script(&mut self, script: &'static str) -> Result<(), StoreError> {
        match self {
            Transaction::Sqlite(inner) => inner.script(script).await,
            Transaction::Postgres(inner) => inner.long_script(script).await,
        }
    }

    /// The time that all processes of this database share, in microseconds since 1970: the
    /// server's, or this process's own where it is alone.
    pub(crate) async fn now_us(&mut self, own: &dyn Clock) -> Result<i64, StoreError> {
        match self {
            Transaction::Sqlite(_) => Ok(own.now().micros()),
            Transaction::Postgres(inner) => inner.now_us().await,
        }
    }

    /// Waits until no other transaction of any process has this lock, and holds it to the end.
    pub(crate) async fn lock(&mut self, lock: Lock) -> Result<(), StoreError> {
        match self {
            Transaction::Sqlite(_) => Ok(()),
            Transaction::Postgres(inner) if lock == Lock::Schema => {
                inner.lock_patiently(lock.number()).await
            }
            Transaction::Postgres(inner) => inner.lock(lock.number()).await,
        }
    }

    /// Tells every process that listens, when this transaction has been committed. On SQLite there
    /// is no other one.
    pub(crate) async fn announce(&mut self) -> Result<(), StoreError> {
        match self {
            Transaction::Sqlite(_) => Ok(()),
            Transaction::Postgres(inner) => inner.announce().await,
        }
    }

    /// Makes it last.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        either!(self, inner => inner.commit().await)
    }
}
