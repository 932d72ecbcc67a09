//! Where the database is, and its schema seen from outside: looked at, or brought up to date.
//!
//! It must never show a password, and never print a URL that may hold one.

use std::path::PathBuf;
use std::str::FromStr;

use bastion_types::Secret;
use sqlx::postgres::PgConnectOptions;

use crate::StoreError;
use crate::data_dir::DataDir;
use crate::database::{Database, Dialect};
use crate::migrate::{SchemaState, look, migrate, nothing_there};
use crate::postgres::PostgresDatabase;
use crate::sqlite::SqliteDatabase;

/// A place for a store.
#[derive(Debug, Clone)]
pub enum Place {
    /// SQLite in this data directory, which is made if it is absent.
    DataDirectory(PathBuf),
    /// A database of PostgreSQL.
    Postgres(PostgresPlace),
}

/// A database of PostgreSQL, and who takes its schema's steps.
#[derive(Debug, Clone)]
pub struct PostgresPlace {
    /// `postgres://USER@HOST:PORT/DATABASE`; may hold a password.
    pub url: Secret,
    /// The password, where it is kept apart from the URL.
    pub password: Option<Secret>,
    /// Who takes the steps of the schema.
    pub migrate: Migrate,
}

/// Who takes the steps of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrate {
    /// The first process that starts.
    #[default]
    AtStart,
    /// Whoever runs `bastion store migrate`.
    ByHand,
}

/// What was opened at a place; the folder's lock is held while it lives.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) db: Database,
    pub(crate) data_dir: Option<DataDir>,
}

impl Place {
    /// Opens the database and leaves its schema as it is.
    pub(crate) async fn open(&self) -> Result<Opened, StoreError> {
        match self {
            Place::DataDirectory(path) => {
                let data_dir = DataDir::take(path)?;
                let db = SqliteDatabase::open(&data_dir.database_file()?).await?;
                Ok(Opened { db: Database::Sqlite(db), data_dir: Some(data_dir) })
            }
            Place::Postgres(place) => {
                let db = PostgresDatabase::connect(place.options()?).await?;
                Ok(Opened { db: Database::Postgres(db), data_dir: None })
            }
        }
    }

    /// Opens the database with a schema that this binary works with.
    pub(crate) async fn open_ready(&self) -> Result<Opened, StoreError> {
        let opened = self.open().await?;
        if !self.is_migrated_by_hand() {
            migrate(&opened.db).await?;
            return Ok(opened);
        }
        let SchemaState { found, known, missing } = look(&opened.db).await?;
        if missing > 0 {
            return Err(StoreError::Unmigrated { found, known });
        }
        Ok(opened)
    }

    /// Takes the steps of the schema that are missing; what was found before.
    ///
    /// # Errors
    /// When the database cannot be opened, is in use (SQLite), is newer than this binary,
    /// half-migrated or changed by hand.
    pub async fn migrate(&self) -> Result<SchemaState, StoreError> {
        let opened = self.open().await?;
        let state = migrate(&opened.db).await?;
        opened.db.close().await?;
        Ok(state)
    }

    /// Looks at the schema and changes nothing.
    ///
    /// # Errors
    /// As [`migrate`](Place::migrate).
    pub async fn look(&self) -> Result<SchemaState, StoreError> {
        let Some(db) = self.open_to_look().await? else {
            return Ok(nothing_there(Dialect::Sqlite));
        };
        look(&db).await
    }

    /// The database, for who changes nothing: beside a server that runs, and without making what is
    /// not there.
    async fn open_to_look(&self) -> Result<Option<Database>, StoreError> {
        let Place::DataDirectory(path) = self else { return Ok(Some(self.open().await?.db)) };
        let Some(file) = DataDir::database_in(path)? else { return Ok(None) };
        Ok(Some(Database::Sqlite(SqliteDatabase::open_to_look(&file).await?)))
    }

    fn is_migrated_by_hand(&self) -> bool {
        matches!(self, Place::Postgres(place) if place.migrate == Migrate::ByHand)
    }
}

impl PostgresPlace {
    fn options(&self) -> Result<PgConnectOptions, StoreError> {
        // The parser's words may repeat a part of the URL.
        let options =
            PgConnectOptions::from_str(self.url.expose()).map_err(|_| StoreError::NoUrl)?;
        Ok(match &self.password {
            Some(password) => options.password(password.expose()),
            None => options,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_not_repeated() {
        let place = PostgresPlace {
            url: Secret::new("postgres://me:hunter2@db:port/x".to_owned()),
            password: None,
            migrate: Migrate::AtStart,
        };
        let told = format!("{place:?} {}", place.options().unwrap_err());
        assert!(told.contains("postgres://USER@HOST:PORT/DATABASE"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
}
