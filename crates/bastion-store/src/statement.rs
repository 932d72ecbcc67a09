//! A statement with its values: the same for both databases.
//!
//! It must never hold a value inside its text: values are bound, and texts are fixed or put
//! together from fixed parts.

use std::borrow::Cow;
use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

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
    Bytes(Cow<'q, [u8]>),
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

    /// The same with values of its own: what goes to another thread.
    pub(crate) fn owned(self) -> Statement<'static> {
        let values = self.values.into_iter().map(Value::owned).collect();
        Statement { text: self.text, values, cached: self.cached }
    }
}

impl Value<'_> {
    fn owned(self) -> Value<'static> {
        match self {
            Value::Number(number) => Value::Number(number),
            Value::Text(text) => Value::Text(text.map(|text| Cow::Owned(text.into_owned()))),
            Value::Shared(text) => Value::Shared(text),
            Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
        }
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
        Value::Bytes(Cow::Borrowed(bytes))
    }
}

/// The text of an insert of so many rows, each of so many columns; of fixed parts alone.
pub(crate) fn rows_of(insert: &'static str, columns: usize, rows: usize) -> String {
    let mut text = String::with_capacity(insert.len() + rows * columns * 8 + 64);
    text.push_str(insert);
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 1..=columns {
            text.push_str(if column == 1 { "$" } else { ", $" });
            text.push_str(&(row * columns + column).to_string());
        }
        text.push(')');
    }
    text
}
