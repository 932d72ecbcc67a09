//! A row that comes back: the same for both databases.
//!
//! It must never guess: a column of another type than is asked for is damage.

use sqlx::Row as _;
use sqlx::postgres::PgRow;

use crate::StoreError;
use crate::sqlite::SqliteRow;

/// A row of either database. A column of another type than is asked for is damage, not a guess.
#[derive(Debug)]
pub(crate) enum Row {
    /// Of SQLite.
    Sqlite(SqliteRow),
    /// Of PostgreSQL.
    Postgres(PgRow),
}

/// The same for both kinds of row.
macro_rules! get {
    ($row:expr, $column:expr, $kind:ident) => {
        match $row {
            Row::Sqlite(row) => row.$kind($column),
            Row::Postgres(row) => Ok(row.try_get($column)?),
        }
    };
}

impl Row {
    /// A BIGINT. Counts are; what is not is cast in the statement (PostgreSQL's `SUM` and plain
    /// numbers are other types).
    pub(crate) fn number(&self, column: &str) -> Result<i64, StoreError> {
        get!(self, column, number)
    }

    /// A BIGINT that may be null.
    pub(crate) fn maybe_number(&self, column: &str) -> Result<Option<i64>, StoreError> {
        get!(self, column, maybe_number)
    }

    /// A TEXT.
    pub(crate) fn text(&self, column: &str) -> Result<&str, StoreError> {
        get!(self, column, text)
    }

    /// A TEXT that may be null.
    pub(crate) fn maybe_text(&self, column: &str) -> Result<Option<&str>, StoreError> {
        get!(self, column, maybe_text)
    }

    /// A BLOB or BYTEA.
    pub(crate) fn bytes(&self, column: &str) -> Result<&[u8], StoreError> {
        get!(self, column, bytes)
    }
}
