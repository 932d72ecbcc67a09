//! Calls as rows.
//!
//! It must never guess: a row that cannot be read is an error, and nothing in a record is lost.

use bastion_types::{CallRecord, EnvironmentName, KeyId, RequestId, Timestamp};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection};

use super::columns::Columns;
use super::document::Document;
use super::filter::CallFilter;
use crate::StoreError;

/// Statuses from here on have an index of their own. The same number stands in the migration.
const FAILED_STATUS: u16 = 400;

/// Sorts behind every id.
const AFTER_ALL: &str = "req_~";

/// Most rows of one statement: each statement costs a way to the database's thread and back, and
/// SQLite takes 32 766 values at most.
pub(super) const ROWS_AT_ONCE: usize = 512;

const INSERT: &str = "INSERT INTO calls (id, at_us, environment, key_id, status, record) VALUES ";
const ROW: &str = "(?, ?, ?, ?, ?, ?)";
const STORED_ALREADY: &str = " ON CONFLICT (id) DO NOTHING";

/// The text of so many rows' insert; of fixed parts alone.
fn insert_of(rows: usize) -> String {
    let mut text = String::with_capacity(INSERT.len() + rows * (ROW.len() + 2) + 64);
    text.push_str(INSERT);
    for row in 0..rows {
        text.push_str(if row == 0 { "" } else { ", " });
        text.push_str(ROW);
    }
    text.push_str(STORED_ALREADY);
    text
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
            " AND ($2 IS NULL OR environment = $2) AND ($3 IS NULL OR key_id = $3)",
            " AND status >= $4 ORDER BY id DESC LIMIT $5"
        )
    };
}
const SELECT_RECENT: &str = select_recent!("TRUE");
const SELECT_RECENT_OF_KEY: &str = select_recent!("key_id = $3");
const SELECT_RECENT_FAILED: &str = select_recent!("status >= 400");
const SELECT_RECENT_OF_ENVIRONMENT: &str = select_recent!("environment = $2");

/// All of these, in one statement: at most [`ROWS_AT_ONCE`].
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    calls: &[CallRecord],
) -> Result<(), StoreError> {
    // Of the shorter ones there may be any: none of them is worth a place in the cache.
    let is_full = calls.len() == ROWS_AT_ONCE;
    let mut query = sqlx::query(AssertSqlSafe(insert_of(calls.len()))).persistent(is_full);
    for call in calls {
        query = bind(query, call)?;
    }
    query.execute(connection).await?;
    Ok(())
}

/// The values of one row, in the columns' order: what reads are led by, and the whole of it.
fn bind<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    call: &'q CallRecord,
) -> Result<Query<'q, Sqlite, SqliteArguments>, StoreError> {
    let record = serde_json::to_string(&Document::from(call)).map_err(|cause| {
        StoreError::Failed { what: format!("a call cannot be written: {cause}") }
    })?;
    Ok(query
        .bind(call.id.as_str())
        .bind(call.at.micros())
        .bind(call.environment.as_str())
        .bind(call.key_id.as_str())
        .bind(i64::from(call.status))
        .bind(record))
}

pub(super) async fn select(
    reader: &SqlitePool,
    filter: &CallFilter,
    limit: u32,
) -> Result<Vec<CallRecord>, StoreError> {
    let rows = sqlx::query(statement(filter))
        .bind(filter.before.as_ref().map_or(AFTER_ALL, RequestId::as_str))
        .bind(filter.environment.as_ref().map(EnvironmentName::as_str))
        .bind(filter.key_id.as_ref().map(KeyId::as_str))
        .bind(i64::from(filter.status_at_least.unwrap_or(0)))
        .bind(i64::from(limit))
        .fetch_all(reader)
        .await?;
    rows.iter().map(call).collect()
}

/// The statement whose index leaves the fewest rows to look at.
fn statement(filter: &CallFilter) -> &'static str {
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

pub(super) async fn select_one(
    reader: &SqlitePool,
    id: RequestId,
) -> Result<Option<CallRecord>, StoreError> {
    let row = sqlx::query(SELECT_ONE).bind(id.as_str()).fetch_optional(reader).await?;
    row.as_ref().map(call).transpose()
}

pub(super) async fn delete_before(
    connection: &mut SqliteConnection,
    at: Timestamp,
    at_most: u32,
) -> Result<u64, StoreError> {
    let done = sqlx::query(DELETE_BEFORE)
        .bind(RequestId::lowest_at(at).as_str())
        .bind(i64::from(at_most))
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

fn call(row: &SqliteRow) -> Result<CallRecord, StoreError> {
    let record: &str = row.try_get("record")?;
    // serde_json's words may repeat a part of the document: only the place is told.
    let document: Document<'_> = serde_json::from_str(record)
        .map_err(|cause| StoreError::corrupt(&format!("a call, at byte {}", cause.column())))?;
    Ok(document.with(Columns::of(row)?))
}

#[cfg(test)]
mod tests;
