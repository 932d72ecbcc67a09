//! Each read is led by its index.
//!
//! It must never measure: the plan is asked, not the time.

use sqlx::AssertSqlSafe;

use super::*;
use crate::sqlite::Database;

async fn plan(db: &Database, statement: &str) -> String {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
    let rows = sqlx::query(explain)
        .bind(AFTER_ALL)
        .bind("prod")
        .bind("000000000001")
        // SQLite looks at bound values: 400 here would let it take the index of failed calls.
        .bind(0)
        .bind(200)
        .fetch_all(db.reader())
        .await
        .unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("; ")
}

#[tokio::test]
async fn every_statement_uses_its_index_and_sorts_nothing() {
    let db = Database::open_in_memory().await.unwrap();
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
