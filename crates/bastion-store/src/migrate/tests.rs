//! Schemas: older ones are kept whole, newer and half ones are refused, steps are taken once.
//!
//! It must never look at a schema that this file did not make.

use bastion_types::{RequestId, Timestamp};

use super::*;
use crate::calls::CallLog;
use crate::sqlite::SqliteDatabase;

const OLD_CALL: &str = "INSERT INTO calls VALUES ($1, 1795435200000001, 'prod', 'worker', \
     '000000000001', NULL, 'chat_completions', 'org/m', 'one', 'CA-QC', 502, 'upstream_error', \
     3, 'interrupted', 1, 2, 3, 4, 1, '0.5', 60000, 321, 'u ''é'' \"x\"')";

#[tokio::test]
async fn calls_of_an_older_version_are_kept_whole() {
    let db = Database::Sqlite(SqliteDatabase::open_in_memory().await.unwrap());
    take(&db, &steps::SQLITE[..2]).await.unwrap();
    let id = RequestId::generate(Timestamp::from_micros(1_795_435_200_000_001)).unwrap();
    db.run(statement(OLD_CALL).bind(id.as_str())).await.unwrap();
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
            "input_tokens": 1, "cached_input_tokens": 2, "cache_write_tokens": 0, "output_tokens": 3,
            "reasoning_tokens": 4, "images": 0, "audio_ms": 0, "characters": 0,
            "stated_cost": null,
            "estimated": true
        },
        "cost": "0.50", "attempt_charges": [], "latency_ms": 60000, "first_event_ms": 321, "user": "u 'é' \"x\"", "ended_empty": false, "observed": null,
    });
    assert_eq!(told, expect);
}
