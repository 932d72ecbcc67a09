//! Stores for tests, each empty: in memory, or a database of its own on the PostgreSQL that
//! `BASTION_TEST_POSTGRES` names.
//!
//! It must never be built outside tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bastion_types::{Clock, Secret};

use crate::Store;
use crate::database::Database;
use crate::migrate::migrate;
use crate::place::{Migrate, Place, PostgresPlace};
use crate::sqlite::SqliteDatabase;
use crate::statement::{Cached, made_statement};

/// The URL of a server on which databases may be made; without a database and a query.
const SERVER: &str = "BASTION_TEST_POSTGRES";

/// An empty store on whichever database is tested.
pub(crate) async fn store(clock: Arc<dyn Clock>) -> Store {
    match postgres().await {
        Some(place) => Store::open_at(&place, clock).await.unwrap(),
        None => Store::open_in_memory(clock).await.unwrap(),
    }
}

/// Every database that can be tested now, with the newest schema.
pub(crate) async fn databases() -> Vec<Database> {
    let sqlite = Database::Sqlite(SqliteDatabase::open_in_memory().await.unwrap());
    let mut all = vec![sqlite];
    if let Some(place) = postgres().await {
        all.push(place.open().await.unwrap().db);
    }
    for db in &all {
        migrate(db).await.unwrap();
    }
    all
}

/// An empty database of PostgreSQL; none where no server was given.
pub(crate) async fn postgres() -> Option<Place> {
    Some(at(&url().await?))
}

/// The URL of an empty database of PostgreSQL; none where no server was given.
pub(crate) async fn url() -> Option<String> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var(SERVER).ok()?;
    let number = MADE.fetch_add(1, Ordering::SeqCst);
    let name = format!("store_{}_{number}", std::process::id());
    administer(&format!("{server}/postgres"), format!("CREATE DATABASE {name}")).await;
    Some(format!("{server}/{name}"))
}

/// Does something on the server that is no transaction's business, in this database of it.
pub(crate) async fn administer(url: &str, text: String) {
    let admin = sqlx::PgPool::connect(url).await.unwrap();
    sqlx::raw_sql(made_statement(text, Cached::No).text).execute(&admin).await.unwrap();
    admin.close().await;
}

/// The place of this URL.
pub(crate) fn at(url: &str) -> Place {
    let url = Secret::new(url.to_owned());
    Place::Postgres(PostgresPlace { url, password: None, migrate: Migrate::AtStart })
}
