//! Recorded calls, newest first.
//!
//! It must never show a prompt or a completion: records hold none.

use std::sync::Arc;

use bastion_store::CallFilter;
use bastion_types::{CallRecord, EnvironmentName, KeyId, RequestId};
use serde::Serialize;
use serde_json::{Value, json};

use super::Resource;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::query::{Query, whole_number};
use crate::schema::{
    self, ENVIRONMENT_PATTERN, KEY_ID_PATTERN, REQUEST_ID_PATTERN, SERVICE_PATTERN, amount, count,
    object, query, text, time,
};

const LIST_PATH: &str = "/admin/v1/calls";
const SHOW_PATH: &str = "/admin/v1/calls/{id}";
const PARAMETERS: [&str; 5] = ["environment", "key_id", "status_at_least", "before", "limit"];

const MIN_STATUS: u16 = 100;
const MAX_STATUS: u16 = 599;

/// `calls`
pub(crate) struct Calls;

impl Resource for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn operations(&self) -> Vec<Operation> {
        vec![
            Operation::get(LIST_PATH, describe_list(), list),
            Operation::get(SHOW_PATH, describe_show(), show),
        ]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("CallPage", schema::page("Call", "before", REQUEST_ID_PATTERN)),
            ("Call", call_schema()),
        ]
    }
}

#[derive(Serialize)]
struct CallPage {
    data: Vec<CallRecord>,
    next: Option<RequestId>,
}

async fn list(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    let query = ask.query(&PARAMETERS)?;
    let (filter, limit) = (filter(&query)?, query.limit()?);
    let failed = |cause| Problem::store(ask.id, &cause);
    let calls = desk.store.calls();
    let data = calls.recent(filter.clone(), limit).await.map_err(failed)?;
    let is_full = usize::try_from(limit).is_ok_and(|limit| data.len() >= limit);
    let mut next = data.last().filter(|_| is_full).map(|call| call.id);
    if next.is_some() {
        // The store reads no more than a page at once, so whether there is another one is asked.
        let behind = CallFilter { before: next, ..filter };
        let follows = !calls.recent(behind, 1).await.map_err(failed)?.is_empty();
        next = next.filter(|_| follows);
    }
    Answer::ok(&CallPage { data, next })
}

fn filter(query: &Query) -> Result<CallFilter, Problem> {
    let status =
        |text: &str| whole_number(text).filter(|status| (MIN_STATUS..=MAX_STATUS).contains(status));
    Ok(CallFilter {
        environment: query.named("environment", EnvironmentName::parse)?,
        key_id: query.parsed("key_id", "is not a key's id: 12 letters or digits", KeyId::parse)?,
        status_at_least: query.parsed("status_at_least", "is a status from 100 to 599", status)?,
        before: query.parsed(
            "before",
            "is what 'next' of the page before says",
            RequestId::parse,
        )?,
    })
}

async fn show(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let unknown = || {
        Problem::not_found(
            "there is no such call, or it is too old to be kept; GET \
             /admin/v1/calls lists those that are",
        )
    };
    let id = RequestId::parse(ask.named()).ok_or_else(unknown)?;
    let call = desk.store.calls().get(id).await;
    let call = call.map_err(|cause| Problem::store(ask.id, &cause))?;
    Answer::ok(&call.ok_or_else(unknown)?)
}

fn describe_list() -> Description {
    let status = json!({ "type": "integer", "minimum": MIN_STATUS, "maximum": MAX_STATUS });
    Description {
        id: "list_calls",
        summary: "Calls that are over, newest first; one shows up within a quarter of a second of its end",
        parameters: vec![
            query("environment", "only of this environment", &text(ENVIRONMENT_PATTERN)),
            query("key_id", "only of this key", &text(KEY_ID_PATTERN)),
            query("status_at_least", "only with this status or a higher one", &status),
            query("before", "what 'next' of the page before says", &text(REQUEST_ID_PATTERN)),
            schema::limit(),
        ],
        body: None,
        answers: vec![(200, schema::json_answer("a page of calls", "CallPage"))],
        problems: &[503],
    }
}

fn describe_show() -> Description {
    Description {
        id: "show_call",
        summary: "One call",
        parameters: vec![schema::id(REQUEST_ID_PATTERN)],
        body: None,
        answers: vec![(200, schema::json_answer("the call", "Call"))],
        problems: &[404, 503],
    }
}

fn call_schema() -> Value {
    let text_or_none = |what: &str| json!({ "type": ["string", "null"], "description": what });
    let usage = object(&json!({
        "input_tokens": count(),
        "cached_input_tokens": count(),
        "cache_write_tokens": count(),
        "output_tokens": count(),
        "reasoning_tokens": count(),
        "images": count(),
        "audio_ms": count(),
        "characters": count(),
        "stated_cost": text_or_none(
            "what the upstream says that it cost, in a currency of its own; never charged",
        ),
        "estimated": { "type": "boolean", "description": "made from bytes: nothing was reported" },
    }));
    let attempt = object(&json!({
        "upstream": { "type": "string" },
        "cost": amount("what it cost"),
        "estimated": { "type": "boolean" },
    }));
    let attempt_charges = json!({
        "type": "array", "items": attempt,
        "description": "what each attempt cost; empty where there is one or none to pay for",
    });
    let first_event_ms = json!({ "type": ["integer", "null"], "minimum": 0 });
    object(&json!({
        "id": text(REQUEST_ID_PATTERN),
        "at": time("when it came in"),
        "environment": text(ENVIRONMENT_PATTERN),
        "service": text(SERVICE_PATTERN),
        "key_id": text(KEY_ID_PATTERN),
        "surface": text_or_none("the use case"),
        "endpoint": { "type": "string" },
        "model": text_or_none("the model that the caller named, if it is one of ours"),
        "upstream": text_or_none("who answered, or was asked last"),
        "region": text_or_none("where that upstream computes"),
        "status": { "type": "integer", "description": "what the caller got" },
        "code": text_or_none("the error's code, if the call ended in one"),
        "attempts": count(),
        "stream": { "enum": ["whole", "interrupted", "cancelled", "none"] },
        "usage": usage,
        "cost": text_or_none("of all attempts, as a decimal text; null: the model has no price"),
        "attempt_charges": attempt_charges,
        "latency_ms": count(),
        "first_event_ms": first_event_ms,
        "user": text_or_none("the end user's id, if the caller named one"),
        "ended_empty": {
            "type": "boolean",
            "description": "ended by its limit before it had any text",
        },
        "observed": text_or_none("the code of a refusal that was decided and not applied"),
    }))
}
