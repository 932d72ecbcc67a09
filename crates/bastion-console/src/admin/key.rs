//! One key: what is known of it, and its end.
//!
//! It must never bring a revoked key back.

use std::future::ready;
use std::sync::Arc;

use bastion_types::KeyId;
use serde_json::{Value, json};

use super::Resource;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::schema::{self, KEY_ID_PATTERN};
use crate::shown_key::{self, ShownKey};

const PATH: &str = "/admin/v1/keys/{id}";
const REVOKE_PATH: &str = "/admin/v1/keys/{id}/revoke";

/// `keys/{id}`
pub(crate) struct Key;

impl Resource for Key {
    fn name(&self) -> &'static str {
        "keys"
    }

    fn operations(&self) -> Vec<Operation> {
        let show = |desk: Arc<Desk>, ask: Ask| ready(show(&desk, &ask));
        vec![
            Operation::get(PATH, describe_show(), show),
            Operation::post(REVOKE_PATH, describe_revoke(), revoke),
        ]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        let nothing = json!({ "type": "object", "additionalProperties": false });
        vec![("Key", shown_key::schema()), ("Nothing", nothing)]
    }
}

fn show(desk: &Desk, ask: &Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let record = KeyId::parse(ask.named()).and_then(|id| desk.store.keys().get(id));
    let record = record.ok_or_else(Problem::unknown_key)?;
    Answer::ok(&ShownKey::at(desk.clock.now(), record))
}

async fn revoke(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let request_id = ask.id;
    let id = KeyId::parse(ask.named()).ok_or_else(Problem::unknown_key)?;
    ask.fields(&[]).await?;
    let revoked = desk.store.keys().revoke(id).await;
    let record = revoked.map_err(|cause| Problem::key(request_id, &cause))?;
    tracing::info!(%request_id, key_id = %id, "an operator revoked a key");
    Answer::ok(&ShownKey::at(desk.clock.now(), record))
}

fn describe_show() -> Description {
    Description {
        id: "show_key",
        summary: "What is known of a key",
        parameters: vec![schema::id(KEY_ID_PATTERN)],
        body: None,
        answers: vec![(200, schema::json_answer("the key, without its text", "Key"))],
        problems: &[404],
    }
}

fn describe_revoke() -> Description {
    Description {
        id: "revoke_key",
        summary: "End a key for good, from the next call on; again is fine",
        parameters: vec![schema::id(KEY_ID_PATTERN)],
        body: Some(schema::optional_body("Nothing")),
        answers: vec![(200, schema::json_answer("the key, revoked", "Key"))],
        problems: &[404, 503],
    }
}
