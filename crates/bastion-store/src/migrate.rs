//! The schema's steps, embedded; each is applied once and must stay as it was.
//!
//! It must never touch a database that a later version has written.

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Acquire, SqlStr};

use crate::StoreError;
use crate::sqlite::Database;

/// Version, name and statements; new steps are added at the end.
const STEPS: [(i64, &str, &str); 2] = [
    (1, "keys and calls", include_str!("../migrations/sqlite/0001_keys_and_calls.sql")),
    (2, "calls in their order", include_str!("../migrations/sqlite/0002_calls_in_their_order.sql")),
];

/// Brings the schema up to what this binary knows.
///
/// # Errors
/// When the database is newer, was changed by hand, or cannot be written.
pub(crate) async fn migrate(db: &Database) -> Result<(), StoreError> {
    let steps = STEPS.iter().map(|(version, name, sql)| {
        let sql = SqlStr::from_static(sql);
        Migration::new(*version, (*name).into(), MigrationType::Simple, sql, false)
    });
    let migrator = Migrator::with_migrations(steps.collect());
    let mut writer = db.writer().await?;
    let connection = writer.acquire().await?;
    migrator.run(connection).await.map_err(told)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others cannot come from embedded steps")]
fn told(error: MigrateError) -> StoreError {
    let known = STEPS.last().map_or(0, |(version, _, _)| *version);
    match error {
        MigrateError::VersionMissing(found) if found > known => {
            StoreError::NewerSchema { found, known }
        }
        MigrateError::VersionMissing(version)
        | MigrateError::VersionMismatch(version)
        | MigrateError::Dirty(version) => StoreError::ChangedSchema { version },
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) => cause.into(),
        other => StoreError::Failed { what: other.to_string() },
    }
}
