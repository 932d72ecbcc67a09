//! What SQLite is given and gives back: values by their marks, rows by their columns' names.
//!
//! It must never guess: a column of another type than is asked for is damage.

use std::sync::Arc;

use rusqlite::types::{ToSqlOutput, Value as Stored, ValueRef};
use rusqlite::{Connection, ToSql};

use crate::StoreError;
use crate::statement::{Cached, Statement, Value};

/// A row, apart from its connection.
#[derive(Debug)]
pub(crate) struct SqliteRow {
    names: Arc<[String]>,
    values: Vec<Stored>,
}

impl SqliteRow {
    pub(crate) fn number(&self, column: &str) -> Result<i64, StoreError> {
        self.maybe_number(column)?.ok_or_else(|| StoreError::corrupt(column))
    }

    pub(crate) fn maybe_number(&self, column: &str) -> Result<Option<i64>, StoreError> {
        match self.value(column)? {
            Stored::Integer(number) => Ok(Some(*number)),
            Stored::Null => Ok(None),
            Stored::Real(_) | Stored::Text(_) | Stored::Blob(_) => Err(StoreError::corrupt(column)),
        }
    }

    pub(crate) fn text(&self, column: &str) -> Result<&str, StoreError> {
        self.maybe_text(column)?.ok_or_else(|| StoreError::corrupt(column))
    }

    pub(crate) fn maybe_text(&self, column: &str) -> Result<Option<&str>, StoreError> {
        match self.value(column)? {
            Stored::Text(text) => Ok(Some(text)),
            Stored::Null => Ok(None),
            Stored::Integer(_) | Stored::Real(_) | Stored::Blob(_) => {
                Err(StoreError::corrupt(column))
            }
        }
    }

    pub(crate) fn bytes(&self, column: &str) -> Result<&[u8], StoreError> {
        match self.value(column)? {
            Stored::Blob(bytes) => Ok(bytes),
            Stored::Null | Stored::Integer(_) | Stored::Real(_) | Stored::Text(_) => {
                Err(StoreError::corrupt(column))
            }
        }
    }

    fn value(&self, column: &str) -> Result<&Stored, StoreError> {
        let at = self.names.iter().position(|name| name == column);
        at.and_then(|at| self.values.get(at))
            .ok_or_else(|| StoreError::Failed { what: format!("no column is called {column}") })
    }
}

/// Rows of one insert where there are many.
const ROWS_AT_ONCE: usize = 32;

/// One row of an insert, to be bound.
pub(crate) struct RowOf<'a, 'c> {
    statement: &'a mut rusqlite::Statement<'c>,
    /// Rows of the same statement before it.
    before: usize,
}

impl RowOf<'_, '_> {
    /// Binds its values; each row has as many.
    pub(crate) fn bind(&mut self, values: &[&dyn ToSql]) -> Result<(), StoreError> {
        let first = self.before * values.len() + 1;
        for (mark, value) in (first..).zip(values) {
            self.statement.raw_bind_parameter(mark, value)?;
        }
        Ok(())
    }
}

/// Inserts many rows by one statement and the rest one by one: what a statement costs beside its
/// rows, and most of the way to where they stand, is paid once for many.
pub(crate) fn in_rows<T>(
    connection: &Connection,
    text_of: fn(usize) -> String,
    all: &[T],
    mut bind: impl FnMut(&mut RowOf<'_, '_>, &T) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (many, rest) = all.as_chunks::<ROWS_AT_ONCE>();
    let ones = rest.iter().map(std::slice::from_ref);
    let of_many = many.iter().map(<[T; ROWS_AT_ONCE]>::as_slice);
    let mut prepared = None;
    for rows in of_many.chain(ones) {
        let statement = match &mut prepared {
            Some((length, statement)) if *length == rows.len() => statement,
            other => {
                let statement = connection.prepare_cached(&text_of(rows.len()))?;
                &mut other.insert((rows.len(), statement)).1
            }
        };
        for (before, row) in rows.iter().enumerate() {
            bind(&mut RowOf { statement, before }, row)?;
        }
        statement.raw_execute()?;
    }
    Ok(())
}

/// How many rows the statement changed.
pub(super) fn run(connection: &Connection, statement: &Statement<'_>) -> Result<u64, StoreError> {
    on(connection, statement, |prepared| {
        let mut rows = prepared.raw_query();
        while rows.next()?.is_some() {}
        Ok(connection.changes())
    })
}

/// The first rows, at most so many.
pub(super) fn rows(
    connection: &Connection,
    statement: &Statement<'_>,
    at_most: usize,
) -> Result<Vec<SqliteRow>, StoreError> {
    on(connection, statement, |prepared| {
        let names: Arc<[String]> = prepared.column_names().into_iter().map(str::to_owned).collect();
        let mut found = Vec::new();
        let mut rows = prepared.raw_query();
        while found.len() < at_most
            && let Some(row) = rows.next()?
        {
            let value = |(at, name): (usize, &String)| {
                Stored::try_from(row.get_ref(at)?).map_err(|_| StoreError::corrupt(name))
            };
            let values = names.iter().enumerate().map(value).collect::<Result<_, StoreError>>()?;
            found.push(SqliteRow { names: Arc::clone(&names), values });
        }
        Ok(found)
    })
}

/// With the prepared statement and its values.
fn on<T>(
    connection: &Connection,
    statement: &Statement<'_>,
    work: impl FnOnce(&mut rusqlite::Statement<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let text = statement.text.as_str();
    if statement.cached == Cached::Yes {
        let mut prepared = connection.prepare_cached(text)?;
        bind(&mut prepared, &statement.values)?;
        return work(&mut prepared);
    }
    let mut prepared = connection.prepare(text)?;
    bind(&mut prepared, &statement.values)?;
    work(&mut prepared)
}

/// SQLite numbers marks by where they first stand; `$2` is a name to it.
fn bind(prepared: &mut rusqlite::Statement<'_>, values: &[Value<'_>]) -> Result<(), StoreError> {
    for mark in 1..=prepared.parameter_count() {
        let named = prepared.parameter_name(mark).map(|name| name.trim_start_matches(['$', '?']));
        let number = named.map_or(Ok(mark), str::parse::<usize>).ok();
        let value = number.and_then(|number| values.get(number.checked_sub(1)?));
        let missing = || StoreError::Failed { what: format!("no value for mark {mark}") };
        prepared.raw_bind_parameter(mark, value.ok_or_else(missing)?)?;
    }
    Ok(())
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Value::Number(number) => number.map(ValueRef::Integer),
            Value::Text(text) => text.as_deref().map(|text| ValueRef::Text(text.as_bytes())),
            Value::Shared(text) => text.as_deref().map(|text| ValueRef::Text(text.as_bytes())),
            Value::Bytes(bytes) => Some(ValueRef::Blob(bytes)),
        };
        Ok(ToSqlOutput::Borrowed(value.unwrap_or(ValueRef::Null)))
    }
}
