//! What an error of sqlx, or of rusqlite, means for the store.
//!
//! It must never repeat a value of the database: PostgreSQL's details may, so only its message
//! is read.

use sqlx::postgres::PgDatabaseError;

use crate::{StoreError, postgres, sqlite};

impl From<sqlx::Error> for StoreError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "sqlx has many that no database gives")]
    fn from(error: sqlx::Error) -> StoreError {
        match error {
            sqlx::Error::PoolTimedOut => StoreError::Busy,
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => StoreError::Closed,
            sqlx::Error::ColumnDecode { index, .. } => StoreError::corrupt(&index),
            sqlx::Error::Io(cause) => StoreError::Unreachable { what: cause.to_string() },
            sqlx::Error::Tls(cause) => StoreError::Unreachable { what: cause.to_string() },
            sqlx::Error::Protocol(what) => StoreError::Unreachable { what },
            sqlx::Error::Database(told) => match told.try_downcast_ref::<PgDatabaseError>() {
                Some(told) => postgres::by_state(Some(told.code()), told.message()),
                None => StoreError::Failed { what: told.message().to_owned() },
            },
            other => StoreError::Failed { what: other.to_string() },
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        if let rusqlite::Error::InvalidColumnType(_, column, _) = &error {
            return StoreError::corrupt(column);
        }
        match error.sqlite_error() {
            Some(told) => sqlite::by_code(told.extended_code, &words(&error)),
            None => StoreError::Failed { what: error.to_string() },
        }
    }
}

/// SQLite's own words, which name columns and no values.
fn words(error: &rusqlite::Error) -> String {
    if let rusqlite::Error::SqliteFailure(_, Some(words)) = error {
        return words.clone();
    }
    error.to_string()
}
