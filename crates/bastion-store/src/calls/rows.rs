//! Calls as rows.
//!
//! It must never guess: a row that cannot be read is an error, and nothing in a record is lost.

use bastion_types::{CallRecord, EnvironmentName, KeyId, RequestId, Timestamp};
use rusqlite::{Connection, params};

use super::columns::Columns;
use super::document::Document;
use super::filter::CallFilter;
use crate::StoreError;
use crate::row::Row;
use crate::sqlite::in_rows;
use crate::statement::{Cached, Statement, made_statement, rows_of, statement};

/// Statuses from here on have an index of their own. The same number stands in the migration.
const FAILED_STATUS: u16 = 400;

/// Sorts behind every id.
const AFTER_ALL: &str = "req_~";

/// Most rows of one statement of PostgreSQL, each of which is a way there and back.
pub(super) const ROWS_AT_ONCE: usize = 512;

const INSERT: &str = "INSERT INTO calls (id, at_us, environment, key_id, status, record) VALUES ";
/// `OR FAIL`: else SQLite keeps the pages that a statement of many rows has changed, to undo it alone.
/// Here an error undoes the transaction.
const INSERT_ON_SQLITE: &str =
    "INSERT OR FAIL INTO calls (id, at_us, environment, key_id, status, record) VALUES ";
const COLUMNS: usize = 6;
const STORED_ALREADY: &str = " ON CONFLICT (id) DO NOTHING";

/// The text of so many rows' insert; of fixed parts alone.
fn insert_of(rows: usize) -> String {
    rows_of(INSERT, COLUMNS, rows) + STORED_ALREADY
}

fn insert_on_sqlite_of(rows: usize) -> String {
    rows_of(INSERT_ON_SQLITE, COLUMNS, rows) + STORED_ALREADY
}

const SELECT_ONE: &str = "SELECT * FROM calls WHERE id = $1";

const DELETE_BEFORE: &str = "DELETE FROM calls WHERE id IN \
     (SELECT id FROM calls WHERE id < $1 ORDER BY id LIMIT $2)";

/// One statement for each index that can lead; every one takes the same five values.
macro_rules! select_recent {
    ($lead:literal) => {
        concat!(
            "SELECT * FROM calls WHERE id < $1 AND ",
            $lead,
            " AND (environment = $2 OR $2 IS NULL) AND (key_id = $3 OR $3 IS NULL)",
            " AND status >= $4 ORDER BY id DESC LIMIT $5"
        )
    };
}
const SELECT_RECENT: &str = select_recent!("TRUE");
const SELECT_RECENT_OF_KEY: &str = select_recent!("key_id = $3");
const SELECT_RECENT_FAILED: &str = select_recent!("status >= 400");
const SELECT_RECENT_OF_ENVIRONMENT: &str = select_recent!("environment = $2");

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    SELECT_ONE,
    DELETE_BEFORE,
    SELECT_RECENT,
    SELECT_RECENT_OF_KEY,
    SELECT_RECENT_FAILED,
    SELECT_RECENT_OF_ENVIRONMENT,
];

/// A call as its row: what reads are led by, and the whole of it.
pub(super) struct Stored {
    id: RequestId,
    at_us: i64,
    environment: EnvironmentName,
    key_id: KeyId,
    status: u16,
    record: String,
}

impl Stored {
    pub(super) fn of(call: &CallRecord) -> Result<Stored, StoreError> {
        let record = serde_json::to_string(&Document::from(call)).map_err(|cause| {
            StoreError::Failed { what: format!("a call cannot be written: {cause}") }
        })?;
        Ok(Stored {
            id: call.id,
            at_us: call.at.micros(),
            environment: call.environment.clone(),
            key_id: call.key_id,
            status: call.status,
            record,
        })
    }
}

/// Stores all of these on SQLite, in the transaction that has begun.
pub(super) fn add(connection: &Connection, calls: &[Stored]) -> Result<(), StoreError> {
    in_rows(connection, insert_on_sqlite_of, calls, |row, call| {
        let Stored { id, at_us, environment, key_id, status, record } = call;
        let (environment, key_id) = (environment.as_str(), key_id.as_str());
        row.bind(params![id.as_str(), at_us, environment, key_id, status, record])
    })
}

/// Stores all of these on PostgreSQL: at most [`ROWS_AT_ONCE`].
pub(super) fn insert(calls: &[CallRecord]) -> Result<Statement<'_>, StoreError> {
    let text = insert_of(calls.len());
    calls.iter().try_fold(made_statement(text, Cached::No), |statement, call| {
        Ok(statement
            .bind(call.id.as_str())
            .bind(call.at.micros())
            .bind(call.environment.as_str())
            .bind(call.key_id.as_str())
            .bind(i64::from(call.status))
            .bind(Stored::of(call)?.record))
    })
}

pub(super) fn select(filter: &CallFilter, limit: u32) -> Statement<'_> {
    statement(leading(filter))
        .bind(filter.before.as_ref().map_or(AFTER_ALL, RequestId::as_str))
        .bind(filter.environment.as_ref().map(EnvironmentName::as_str))
        .bind(filter.key_id.as_ref().map(KeyId::as_str))
        .bind(i64::from(filter.status_at_least.unwrap_or(0)))
        .bind(i64::from(limit))
}

/// The statement whose index leaves the fewest rows to look at.
fn leading(filter: &CallFilter) -> &'static str {
    if filter.key_id.is_some() {
        SELECT_RECENT_OF_KEY
    } else if filter.status_at_least.is_some_and(|status| status >= FAILED_STATUS) {
        SELECT_RECENT_FAILED
    } else if filter.environment.is_some() {
        SELECT_RECENT_OF_ENVIRONMENT
    } else {
        SELECT_RECENT
    }
}

pub(super) fn select_one(id: &RequestId) -> Statement<'_> {
    statement(SELECT_ONE).bind(id.as_str())
}

pub(super) fn delete_before<'q>(at: Timestamp, at_most: u32) -> Statement<'q> {
    let lowest = RequestId::lowest_at(at);
    statement(DELETE_BEFORE).bind(lowest.as_str().to_owned()).bind(i64::from(at_most))
}

pub(crate) fn call(row: &Row) -> Result<CallRecord, StoreError> {
    let record = row.text("record")?;
    // serde_json's words may repeat a part of the document: only the place is told.
    let document: Document<'_> = serde_json::from_str(record)
        .map_err(|cause| StoreError::corrupt(&format!("a call, at byte {}", cause.column())))?;
    Ok(document.with(Columns::of(row)?))
}

#[cfg(test)]
mod tests;
