//! A key as operators see it: its record, and whether it opens calls now.
//!
//! It must never hold a secret or a hash of one.

use bastion_store::KeyRecord;
use bastion_types::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::schema::{
    ENVIRONMENT_PATTERN, KEY_ID_PATTERN, SERVICE_PATTERN, SURFACE_PATTERN, amount, nullable,
    object, text, time,
};

/// A record and its status.
#[derive(Debug, Serialize)]
pub(crate) struct ShownKey {
    #[serde(flatten)]
    record: KeyRecord,
    status: KeyStatus,
}

/// Does a key open calls?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum KeyStatus {
    Live,
    Expired,
    Revoked,
}

impl ShownKey {
    /// The key as it stands at this moment.
    pub(crate) fn at(now: Timestamp, record: KeyRecord) -> ShownKey {
        let status = if record.revoked_at.is_some() {
            KeyStatus::Revoked
        } else if record.expires_at.is_some_and(|at| at <= now) {
            KeyStatus::Expired
        } else {
            KeyStatus::Live
        };
        ShownKey { record, status }
    }
}

/// The schema of [`ShownKey`].
pub(crate) fn schema() -> Value {
    let limit =
        |what: &str| json!({ "type": ["integer", "null"], "minimum": 1, "description": what });
    let secret = object(&json!({
        "created_at": time("when it was made"),
        "ends_at": nullable(&time("when it ends or ended; null: with the key")),
    }));
    object(&json!({
        "id": text(KEY_ID_PATTERN),
        "organization": { "type": "string" },
        "environment": text(ENVIRONMENT_PATTERN),
        "service": text(SERVICE_PATTERN),
        "created_at": time("when it was made"),
        "expires_at": nullable(&time("from when on it opens nothing")),
        "revoked_at": nullable(&time("when it was revoked")),
        "last_used_at": nullable(&time("when it last opened a call")),
        "rpm": limit("requests a minute"),
        "tpm": limit("tokens a minute"),
        "concurrency": limit("calls at the same time"),
        "surfaces": {
            "type": "array", "items": text(SURFACE_PATTERN),
            "description": "the use cases that it may call for; empty: any",
        },
        "enforce": { "enum": ["on", "observe"] },
        "monthly_cap": nullable(&amount("the most that it may spend in a month; null: no cap")),
        "daily_cap": nullable(&amount("the most that it may spend in a day; null: no cap")),
        "secrets": { "type": "array", "items": secret, "description": "oldest first" },
        "status": { "enum": ["live", "expired", "revoked"] },
    }))
}
