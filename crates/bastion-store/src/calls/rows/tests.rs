//! Each read is led by its index.
//!
//! It must never measure: the plan is asked, not the time.

use super::*;
use crate::database::Database;
use crate::sqlite::SqliteDatabase;

#[tokio::test]
async fn a_row_of_sqlite_is_prepared() {
    let db = Database::Sqlite(SqliteDatabase::open_in_memory().await.unwrap());
    crate::migrate::migrate(&db).await.unwrap();
    db.prepares(0, &insert_of(3)).await.unwrap();
    assert!(db.prepares(0, "INSERT INTO nothing VALUES (?1)").await.is_err());
}

async fn plan(db: &Database, statement: &str) -> String {
    let explain = made_statement(format!("EXPLAIN QUERY PLAN {statement}"), Cached::No)
        .bind(AFTER_ALL)
        .bind("prod")
        .bind("000000000001")
        // SQLite looks at bound values: 400 here would let it take the index of failed calls.
        .bind(0)
        .bind(200);
    let rows = db.rows(explain).await.unwrap();
    rows.iter().map(|row| row.text("detail").unwrap()).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn every_statement_uses_its_index_and_sorts_nothing() {
    let db = Database::Sqlite(SqliteDatabase::open_in_memory().await.unwrap());
    crate::migrate::migrate(&db).await.unwrap();
    for (statement, index) in [
        (SELECT_RECENT, "PRIMARY KEY (id<?)"),
        (SELECT_RECENT_OF_KEY, "calls_by_key (key_id=? AND id<?)"),
        (SELECT_RECENT_FAILED, "calls_failed (id<?)"),
        (SELECT_RECENT_OF_ENVIRONMENT, "calls_by_environment (environment=? AND id<?)"),
        (DELETE_BEFORE, "PRIMARY KEY (id<?)"),
    ] {
        let plan = plan(&db, statement).await;
        assert!(plan.contains(index), "{plan}");
        assert!(!plan.contains("TEMP B-TREE") && !plan.contains("SCAN"), "{plan}");
    }
}
