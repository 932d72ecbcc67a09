//! The schema's steps, embedded; each is applied once and must stay as it was.
//!
//! It must never touch a database that a later version has written.

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Acquire, SqlStr};

use crate::StoreError;
use crate::sqlite::Database;

/// Version, name and statements; new steps are added at the end.
const STEPS: [(i64, &str, &str); 3] = [
    (1, "keys and calls", include_str!("../migrations/sqlite/0001_keys_and_calls.sql")),
    (2, "calls in their order", include_str!("../migrations/sqlite/0002_calls_in_their_order.sql")),
    (3, "a call is a document", include_str!("../migrations/sqlite/0003_a_call_is_a_document.sql")),
];

/// Brings the schema up to what this binary knows.
///
/// # Errors
/// When the database is newer, was changed by hand, or cannot be written.
pub(crate) async fn migrate(db: &Database) -> Result<(), StoreError> {
    take(db, &STEPS).await
}

async fn take(
    db: &Database,
    steps: &[(i64, &'static str, &'static str)],
) -> Result<(), StoreError> {
    let steps = steps.iter().map(|(version, name, sql)| {
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

#[cfg(test)]
mod tests {
    use bastion_types::{RequestId, Timestamp};

    use super::*;
    use crate::calls::CallLog;

    const OLD_CALL: &str = "INSERT INTO calls VALUES ($1, 1795435200000001, 'prod', 'worker', \
         '000000000001', NULL, 'chat_completions', 'org/m', 'one', 'CA-QC', 502, 'upstream_error', \
         3, 'interrupted', 1, 2, 3, 4, 1, '0.5', 60000, 321, 'u ''é'' \"x\"')";

    #[tokio::test]
    async fn calls_of_an_older_version_are_kept_whole() {
        let db = Database::open_in_memory().await.unwrap();
        take(&db, &STEPS[..2]).await.unwrap();
        let id = RequestId::generate(Timestamp::from_micros(1_795_435_200_000_001)).unwrap();
        let mut writer = db.writer().await.unwrap();
        sqlx::query(OLD_CALL).bind(id.as_str()).execute(&mut *writer).await.unwrap();
        drop(writer);
        migrate(&db).await.unwrap();
        let call = CallLog::new(db).get(id).await.unwrap().unwrap();
        assert_eq!(call.at.micros(), 1_795_435_200_000_001);
        let told = serde_json::to_value(&call).unwrap();
        let expect = serde_json::json!({
            "id": id, "at": "2026-11-23T12:00:00.000Z", "environment": "prod",
            "service": "worker", "key_id": "000000000001", "surface": null,
            "endpoint": "chat_completions", "model": "org/m", "upstream": "one",
            "region": "CA-QC", "status": 502, "code": "upstream_error", "attempts": 3,
            "stream": "interrupted",
            "usage": {
                "input_tokens": 1, "cached_input_tokens": 2, "output_tokens": 3,
                "reasoning_tokens": 4, "images": 0, "audio_ms": 0, "characters": 0,
                "estimated": true
            },
            "cost": "0.5", "latency_ms": 60000, "first_event_ms": 321, "user": "u 'é' \"x\"",
        });
        assert_eq!(told, expect);
    }
}
