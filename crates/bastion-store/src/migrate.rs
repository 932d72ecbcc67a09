//! The schema's steps, embedded; each is taken once, all that are missing in one transaction, by
//! one process at a time.
//!
//! It must never touch a database that a later version has written, and never leave half a step.

mod steps;

use crate::StoreError;
use crate::database::{Database, Dialect, Lock, Transaction};
use crate::statement::statement;
use steps::Step;

/// The table's name and columns are those of sqlx's own migrator, which made it before.
const TAKEN: &str = "SELECT version, checksum, CAST(CASE WHEN success THEN 1 ELSE 0 END AS BIGINT) \
     AS whole FROM _sqlx_migrations ORDER BY version";
const TAKE: &str = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
     execution_time) VALUES ($1, $2, TRUE, $3, 0)";

const SQLITE_BOOK: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    success BOOLEAN NOT NULL,
    checksum BLOB NOT NULL,
    execution_time BIGINT NOT NULL
)";
const POSTGRES_BOOK: &str = "CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
)";

const SQLITE_HAS_BOOK: &str =
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
const POSTGRES_HAS_BOOK: &str = "SELECT tablename AS name FROM pg_catalog.pg_tables \
     WHERE schemaname = ANY (current_schemas(FALSE)) AND tablename = '_sqlx_migrations'";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[TAKEN, TAKE];

/// How a schema stands to what this binary knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaState {
    /// The last step that was taken; 0: none.
    pub found: i64,
    /// The last step that this binary knows.
    pub known: i64,
    /// Steps that are missing.
    pub missing: usize,
}

/// How the schema of a database stands that is not there yet.
pub(crate) fn nothing_there(dialect: Dialect) -> SchemaState {
    let steps = steps::of(dialect);
    SchemaState { found: 0, known: known(steps), missing: steps.len() }
}

fn known(steps: &[Step]) -> i64 {
    steps.last().map_or(0, |step| step.version)
}

/// Brings the schema up to what this binary knows; what was found before.
///
/// # Errors
/// When the database is newer, half-migrated, was changed by hand, or cannot be written.
pub(crate) async fn migrate(db: &Database) -> Result<SchemaState, StoreError> {
    take(db, steps::of(db.dialect())).await
}

/// Looks, and changes nothing.
///
/// # Errors
/// When the database is newer, half-migrated, was changed by hand, or cannot be read.
pub(crate) async fn look(db: &Database) -> Result<SchemaState, StoreError> {
    let mut transaction = db.begin().await?;
    let state = state(&mut transaction, steps::of(db.dialect())).await?;
    transaction.commit().await?;
    Ok(state)
}

async fn take(db: &Database, steps: &[Step]) -> Result<SchemaState, StoreError> {
    let mut transaction = db.begin().await?;
    transaction.lock(Lock::Schema).await?;
    let state = state(&mut transaction, steps).await?;
    if state.missing > 0 {
        transaction.script(book(db.dialect())).await?;
    }
    for step in missing(steps, state) {
        tracing::info!(step = step.version, name = step.name, "a step of the schema is taken");
        transaction.script(step.script).await?;
        let checksum = step.checksum();
        let taken = statement(TAKE).bind(step.version).bind(step.name).bind(&checksum[..]);
        transaction.run(taken).await?;
    }
    transaction.commit().await?;
    Ok(state)
}

fn missing(steps: &[Step], state: SchemaState) -> impl Iterator<Item = &Step> {
    steps.iter().skip(steps.len().saturating_sub(state.missing))
}

fn book(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => SQLITE_BOOK,
        Dialect::Postgres => POSTGRES_BOOK,
    }
}

async fn state(transaction: &mut Transaction, steps: &[Step]) -> Result<SchemaState, StoreError> {
    let known = known(steps);
    let mut state = SchemaState { found: 0, known, missing: steps.len() };
    let has_book = match transaction {
        Transaction::Sqlite(_) => SQLITE_HAS_BOOK,
        Transaction::Postgres(_) => POSTGRES_HAS_BOOK,
    };
    if transaction.row(statement(has_book)).await?.is_none() {
        return Ok(state);
    }
    let mut expected = steps.iter();
    let rows = transaction.rows(statement(TAKEN)).await?;
    let last = rows.last().map(|row| row.number("version")).transpose()?.unwrap_or(0);
    if last > known {
        return Err(StoreError::NewerSchema { found: last, known });
    }
    for row in rows {
        let version = row.number("version")?;
        let step = expected.next().ok_or(StoreError::ChangedSchema { version })?;
        if row.number("whole")? != 1 || version > step.version {
            return Err(StoreError::HalfMigrated { version: version.min(step.version) });
        }
        if version != step.version || row.bytes("checksum")? != step.checksum() {
            return Err(StoreError::ChangedSchema { version });
        }
        state.found = version;
        state.missing = state.missing.saturating_sub(1);
    }
    Ok(state)
}

#[cfg(test)]
mod tests;
