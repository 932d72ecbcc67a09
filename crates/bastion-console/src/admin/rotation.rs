//! A key's second secret: the id stays, the old secrets end after an overlap or at once.
//!
//! It must never show a plain key but in the answer that made it, and never log one.

use std::sync::Arc;

use bastion_store::Overlap;
use bastion_types::{EnvironmentName, KeyId, ServiceName, Span, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use super::Resource;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::fields::Fields;
use crate::lifetime;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::schema::{
    self, ENVIRONMENT_PATTERN, KEY_ID_PATTERN, SERVICE_PATTERN, nullable, object, text, time,
};

const PATH: &str = "/admin/v1/keys/{id}/rotate";
const FIELDS: [&str; 2] = ["overlap", "now"];
const DEFAULT_OVERLAP: Span = Span::from_secs(24 * 60 * 60);

/// `keys/{id}/rotate`
pub(crate) struct Rotation;

impl Resource for Rotation {
    fn name(&self) -> &'static str {
        "keys"
    }

    fn operations(&self) -> Vec<Operation> {
        vec![Operation::post(PATH, describe(), rotate)]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        vec![("Rotation", rotation_schema()), ("RotatedKey", rotated_key_schema())]
    }
}

/// A key with its new text, for the only time.
#[derive(Serialize)]
struct RotatedKey<'a> {
    id: KeyId,
    environment: &'a EnvironmentName,
    service: &'a ServiceName,
    api_key: &'a str,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    old_secrets_end_at: Option<Timestamp>,
}

async fn rotate(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let request_id = ask.id;
    let id = KeyId::parse(ask.named()).ok_or_else(Problem::unknown_key)?;
    let overlap = overlap(&ask.fields(&FIELDS).await?)?;
    let rotated = desk.store.keys().rotate(id, overlap).await;
    let (plain, record) = rotated.map_err(|cause| Problem::key(request_id, &cause))?;
    tracing::info!(%request_id, key_id = %id, ?overlap, "an operator rotated a key");
    Answer::ok(&RotatedKey {
        id,
        environment: &record.environment,
        service: &record.service,
        api_key: plain.reveal(),
        created_at: record.created_at,
        expires_at: record.expires_at,
        old_secrets_end_at: record.secrets.iter().filter_map(|secret| secret.ends_at).max(),
    })
}

fn overlap(fields: &Fields) -> Result<Overlap, Problem> {
    let overlap = fields.text("overlap")?;
    match (fields.value("now"), overlap) {
        (None, None) => Ok(Overlap::For(DEFAULT_OVERLAP)),
        (None, Some(text)) => lifetime::parse(text)
            .map(Overlap::For)
            .ok_or_else(|| Problem::invalid_field("overlap", lifetime::RULE)),
        (Some(Value::Bool(true)), None) => Ok(Overlap::Now),
        (Some(_), Some(_)) => {
            Err(Problem::invalid_field("now", "and overlap exclude each other; give one of them"))
        }
        (Some(_), None) => {
            Err(Problem::invalid_field("now", "is true, or left out for an overlap"))
        }
    }
}

fn describe() -> Description {
    Description {
        id: "rotate_key",
        summary: "Give a key a new text; the old one ends after 'overlap', or now",
        parameters: vec![schema::id(KEY_ID_PATTERN)],
        body: Some(schema::optional_body("Rotation")),
        answers: vec![(200, schema::json_answer("the key, with its new text", "RotatedKey"))],
        problems: &[404, 409, 503],
    }
}

fn rotation_schema() -> Value {
    let overlap = json!({
        "type": ["string", "null"],
        "pattern": lifetime::PATTERN,
        "default": DEFAULT_OVERLAP.to_string(),
        "description": "how long the old text goes on",
        "examples": ["24h"],
    });
    let with_overlap = json!({
        "type": "object",
        "properties": { "overlap": overlap, "now": { "type": "null" } },
        "additionalProperties": false,
    });
    let at_once = json!({
        "type": "object",
        "required": ["now"],
        "properties": { "now": { "const": true }, "overlap": { "type": "null" } },
        "additionalProperties": false,
    });
    json!({ "oneOf": [with_overlap, at_once] })
}

fn rotated_key_schema() -> Value {
    object(&json!({
        "id": text(KEY_ID_PATTERN),
        "environment": text(ENVIRONMENT_PATTERN),
        "service": text(SERVICE_PATTERN),
        "api_key": text("^bst_[a-z][a-z0-9-]{0,30}_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$"),
        "created_at": time("when the key was made"),
        "expires_at": nullable(&time("from when on the key opens nothing")),
        "old_secrets_end_at": time("when the last of the old texts ends"),
    }))
}
