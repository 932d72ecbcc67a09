//! A statement with its values, and the rows that come back: the same for both databases.
//!
//! It must never hold a value inside its text: values are bound, and texts are fixed or put
//! together from fixed parts.

use std::borrow::Cow;
use std::sync::Arc;

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row as _, SqlSafeStr, SqlStr};

use crate::StoreError;

/// A text with `$1`, `$2`, … and the values for them, in their order.
#[derive(Debug)]
pub(crate) struct Statement<'q> {
    pub(crate) text: SqlStr,
    pub(crate) values: Vec<Value<'q>>,
    pub(crate) cached: Cached,
}

/// Does SQLite keep the statement prepared? PostgreSQL never does: a pooler between would lose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cached {
    /// Yes: its text is one of few.
    Yes,
    /// No: there may be any number of such texts.
    No,
}

/// What can be bound. Times are microseconds, JSON is text, amounts are nano-units.
#[derive(Debug, Clone)]
pub(crate) enum Value<'q> {
    /// BIGINT.
    Number(Option<i64>),
    /// TEXT.
    Text(Option<Cow<'q, str>>),
    /// TEXT that many rows share.
    Shared(Option<Arc<str>>),
    /// BLOB or BYTEA.
    Bytes(&'q [u8]),
}

/// One of the store's constants.
pub(crate) fn statement<'q>(text: &'static str) -> Statement<'q> {
    Statement { text: SqlStr::from_static(text), values: Vec::new(), cached: Cached::Yes }
}

/// A text that was put together from fixed parts.
pub(crate) fn made_statement<'q>(text: String, cached: Cached) -> Statement<'q> {
    Statement { text: AssertSqlSafe(text).into_sql_str(), values: Vec::new(), cached }
}

impl<'q> Statement<'q> {
    /// With the next value.
    #[must_use]
    pub(crate) fn bind(mut self, value: impl Into<Value<'q>>) -> Statement<'q> {
        self.values.push(value.into());
        self
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Value::Number(Some(number))
    }
}

impl From<Option<i64>> for Value<'_> {
    fn from(number: Option<i64>) -> Self {
        Value::Number(number)
    }
}

impl<'q> From<&'q str> for Value<'q> {
    fn from(text: &'q str) -> Self {
        Value::Text(Some(Cow::Borrowed(text)))
    }
}

impl<'q> From<Option<&'q str>> for Value<'q> {
    fn from(text: Option<&'q str>) -> Self {
        Value::Text(text.map(Cow::Borrowed))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Text(Some(Cow::Owned(text)))
    }
}

impl From<Arc<str>> for Value<'_> {
    fn from(text: Arc<str>) -> Self {
        Value::Shared(Some(text))
    }
}

impl<'q> From<&'q [u8]> for Value<'q> {
    fn from(bytes: &'q [u8]) -> Self {
        Value::Bytes(bytes)
    }
}

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
    ($row:expr, $column:expr) => {
        match $row {
            Row::Sqlite(row) => row.try_get($column),
            Row::Postgres(row) => row.try_get($column),
        }
    };
}

impl Row {
    /// A BIGINT. Counts are; what is not is cast in the statement (PostgreSQL's `SUM` and plain
    /// numbers are other types).
    pub(crate) fn number(&self, column: &str) -> Result<i64, StoreError> {
        Ok(get!(self, column)?)
    }

    /// A BIGINT that may be null.
    pub(crate) fn maybe_number(&self, column: &str) -> Result<Option<i64>, StoreError> {
        Ok(get!(self, column)?)
    }

    /// A TEXT.
    pub(crate) fn text(&self, column: &str) -> Result<&str, StoreError> {
        Ok(get!(self, column)?)
    }

    /// A TEXT that may be null.
    pub(crate) fn maybe_text(&self, column: &str) -> Result<Option<&str>, StoreError> {
        Ok(get!(self, column)?)
    }

    /// A BLOB or BYTEA.
    pub(crate) fn bytes(&self, column: &str) -> Result<&[u8], StoreError> {
        Ok(get!(self, column)?)
    }
}
