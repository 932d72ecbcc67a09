//! Calls as rows.
//!
//! It must never guess: a row that cannot be read is an error, and nothing in a record is lost.

use std::borrow::Cow;

use bastion_types::{
    AttemptCount, CallRecord, EnvironmentName, KeyId, ModelName, NameError, Region, RequestId,
    ServiceName, StreamOutcome, Timestamp, UpstreamName, Usage,
};
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Row, Sqlite, SqliteConnection};

use super::filter::CallFilter;
use crate::StoreError;

/// Statuses from here on have an index of their own. The same number stands in the migration.
const FAILED_STATUS: u16 = 400;

/// Sorts behind every id.
const AFTER_ALL: &str = "req_~";

/// Most rows of one statement: each statement costs a way to the database's thread and back, and
/// SQLite takes 32 766 values at most.
pub(super) const ROWS_AT_ONCE: usize = 512;

const INSERT: &str = "INSERT INTO calls (id, at_us, environment, service, key_id, surface, \
     endpoint, model, upstream, region, status, code, attempts, stream, input_tokens, \
     cached_input_tokens, output_tokens, reasoning_tokens, estimated, cost, latency_ms, \
     first_event_ms, end_user) VALUES ";
const ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
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
    let query = sqlx::query(AssertSqlSafe(insert_of(calls.len()))).persistent(is_full);
    calls.iter().fold(query, bind).execute(connection).await?;
    Ok(())
}

/// The values of one row, in the columns' order.
fn bind<'q>(
    query: Query<'q, Sqlite, SqliteArguments>,
    call: &'q CallRecord,
) -> Query<'q, Sqlite, SqliteArguments> {
    let usage = &call.usage;
    query
        .bind(call.id.as_str())
        .bind(call.at.micros())
        .bind(call.environment.as_str())
        .bind(call.service.as_str())
        .bind(call.key_id.as_str())
        .bind(call.surface.as_deref())
        .bind(call.endpoint.as_ref())
        .bind(call.model.as_ref().map(ModelName::as_str))
        .bind(call.upstream.as_ref().map(UpstreamName::as_str))
        .bind(call.region.as_ref().map(Region::as_str))
        .bind(i64::from(call.status))
        .bind(call.code.as_deref())
        .bind(i64::from(call.attempts.0))
        .bind(call.stream.as_str())
        .bind(stored(usage.input_tokens))
        .bind(stored(usage.cached_input_tokens))
        .bind(stored(usage.output_tokens))
        .bind(stored(usage.reasoning_tokens))
        .bind(usage.estimated)
        .bind(call.cost.as_deref())
        .bind(stored(call.latency_ms))
        .bind(call.first_event_ms.map(stored))
        .bind(call.user.as_deref())
}

/// Counts beyond 2⁶³ − 1 are nonsense from an upstream and are kept as that.
fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
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
    let id = RequestId::parse(row.try_get("id")?).ok_or_else(|| damaged("an id"))?;
    let key_id = KeyId::parse(row.try_get("key_id")?).ok_or_else(|| damaged("a key's id"))?;
    let stream = StreamOutcome::parse(row.try_get("stream")?).ok_or_else(|| damaged("a stream"))?;
    let endpoint: String = row.try_get("endpoint")?;
    let code: Option<String> = row.try_get("code")?;
    Ok(CallRecord {
        id,
        at: Timestamp::from_micros(row.try_get("at_us")?),
        environment: name(EnvironmentName::parse(row.try_get("environment")?))?,
        service: name(ServiceName::parse(row.try_get("service")?))?,
        key_id,
        surface: row.try_get("surface")?,
        endpoint: Cow::Owned(endpoint),
        model: optional(row, "model", ModelName::parse)?,
        upstream: optional(row, "upstream", UpstreamName::parse)?,
        region: optional(row, "region", Region::parse)?,
        status: number(row, "status")?,
        code: code.map(Cow::Owned),
        attempts: AttemptCount(number(row, "attempts")?),
        stream,
        usage: usage(row)?,
        cost: row.try_get("cost")?,
        latency_ms: number(row, "latency_ms")?,
        first_event_ms: first_event_ms(row)?,
        user: row.try_get("end_user")?,
    })
}

fn usage(row: &SqliteRow) -> Result<Usage, StoreError> {
    Ok(Usage {
        input_tokens: number(row, "input_tokens")?,
        cached_input_tokens: number(row, "cached_input_tokens")?,
        output_tokens: number(row, "output_tokens")?,
        reasoning_tokens: number(row, "reasoning_tokens")?,
        estimated: row.try_get("estimated")?,
    })
}

fn first_event_ms(row: &SqliteRow) -> Result<Option<u64>, StoreError> {
    let number: Option<i64> = row.try_get("first_event_ms")?;
    number.map(u64::try_from).transpose().map_err(|_| damaged("first_event_ms"))
}

fn number<N: TryFrom<i64>>(row: &SqliteRow, column: &str) -> Result<N, StoreError> {
    let number: i64 = row.try_get(column)?;
    N::try_from(number).map_err(|_| damaged(column))
}

fn name<T>(parsed: Result<T, NameError>) -> Result<T, StoreError> {
    parsed.map_err(|_| damaged("a name"))
}

fn optional<T>(
    row: &SqliteRow,
    column: &str,
    parse: fn(&str) -> Result<T, NameError>,
) -> Result<Option<T>, StoreError> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(parse).transpose().map_err(|_| damaged(column))
}

fn damaged(what: &str) -> StoreError {
    StoreError::corrupt(&format!("{what} of a call"))
}

#[cfg(test)]
mod tests;
