//! What an error of sqlx means for the store.
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
                None => sqlite::by_code(told.code().as_deref(), told.message()),
            },
            other => StoreError::Failed { what: other.to_string() },
        }
    }
}
