//! The ledger: worked out anew from nothing, and put right by hand, with a reason.
//!
//! It must never change an entry: a correction is another one.

use std::sync::Arc;

use bastion_store::{Adjustment, Concerns, TopUpOutcome};
use bastion_types::{EnvironmentName, RequestId};
use http::StatusCode;
use serde_json::{Value, json};

use super::Resource;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::fields::Fields;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::schema::{self, REQUEST_ID_PATTERN, amount, count, object, text};
use crate::worded::{self, REFERENCE_PATTERN};

const VERIFY_PATH: &str = "/admin/v1/ledger/verify";
const ADJUST_PATH: &str = "/admin/v1/ledger/adjustments";
const FIELDS: [&str; 5] = ["amount", "call", "environment", "reason", "reference"];

/// `ledger`
pub(crate) struct Ledger;

impl Resource for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    fn operations(&self) -> Vec<Operation> {
        vec![
            Operation::get(VERIFY_PATH, describe_verify(), verify),
            Operation::post(ADJUST_PATH, describe_adjust(), adjust),
        ]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("LedgerVerdict", verdict_schema()),
            ("Adjustment", adjustment_schema()),
            ("Adjusted", adjusted_schema()),
        ]
    }
}

async fn verify(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let verdict = desk.store.ledger().verify().await;
    Answer::ok(&verdict.map_err(|cause| Problem::store(ask.id, &cause))?)
}

async fn adjust(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let id = ask.id;
    let fields = ask.fields(&FIELDS).await?;
    let amount = worded::signed(fields.required_text("amount")?);
    let rule = "is an amount but zero as a decimal text with at most nine digits before its point and nine \
         behind it, below zero to give back, such as \"-0.50\"";
    let amount = amount.ok_or_else(|| Problem::invalid_field("amount", rule))?;
    let asked = Adjustment {
        amount,
        concerns: concerns(&desk, &fields)?,
        reason: worded::reason(&fields)?.to_owned(),
        reference: worded::reference(&fields)?.to_owned(),
    };
    let told = json!({ "amount": amount, "reason": asked.reason, "reference": asked.reference });
    let outcome = desk.store.ledger().adjust(asked).await;
    let status = match outcome.map_err(|cause| Problem::hand(id, &cause))? {
        TopUpOutcome::Done => StatusCode::CREATED,
        TopUpOutcome::AlreadyThere => StatusCode::OK,
    };
    tracing::info!(request_id = %id, %amount, "an operator put the ledger right");
    Answer::json(status, &told)
}

fn concerns(desk: &Desk, fields: &Fields) -> Result<Concerns, Problem> {
    match (fields.text("call")?, fields.text("environment")?) {
        (Some(call), None) => RequestId::parse(call)
            .map(Concerns::Call)
            .ok_or_else(|| Problem::invalid_field("call", "is a call's id, such as req_…")),
        (None, Some(name)) => {
            let name = EnvironmentName::parse(name)
                .map_err(|cause| Problem::invalid_name("environment", &cause))?;
            let money = desk.deployment.money(&name).ok_or_else(|| {
                Problem::invalid_field("environment", "is none of the configuration")
            })?;
            Ok(Concerns::Environment(name, money.zone.day_of(desk.clock.now())))
        }
        _ => Err(Problem::invalid("give either a call or an environment: what is put right")),
    }
}

fn describe_verify() -> Description {
    Description {
        id: "verify_ledger",
        summary: "Work every sum of the ledger out anew and compare",
        parameters: Vec::new(),
        body: None,
        answers: vec![(200, schema::json_answer("what was found", "LedgerVerdict"))],
        problems: &[503],
    }
}

fn describe_adjust() -> Description {
    Description {
        id: "adjust_ledger",
        summary: "Put a sum right, with a reason, once for each reference",
        parameters: Vec::new(),
        body: Some(schema::required_body("Adjustment")),
        answers: vec![
            (201, schema::json_answer("it counts now", "Adjusted")),
            (200, schema::json_answer("it was there already", "Adjusted")),
        ],
        problems: &[404, 409, 503],
    }
}

fn verdict_schema() -> Value {
    let difference = object(&json!({
        "account": { "type": "string" },
        "sum": { "enum": ["credited", "spent", "held"] },
        "kept": amount("what is kept"),
        "counted": amount("what entries or holds add up to"),
    }));
    object(&json!({
        "ok": { "type": "boolean" },
        "entries": count(),
        "holds_open": count(),
        "differences": { "type": "array", "items": difference, "maxItems": 300 },
    }))
}

/// What is put right is either a call or an environment.
fn adjustment_schema() -> Value {
    let environment = schema::reference("KnownEnvironment");
    json!({ "oneOf": [
        concerning("call", &text(REQUEST_ID_PATTERN), "environment"),
        concerning("environment", &environment, "call"),
    ] })
}

fn concerning(name: &str, what: &Value, other: &str) -> Value {
    json!({
        "type": "object",
        "required": ["amount", "reason", "reference", name],
        "properties": {
            "amount": worded::signed_schema(),
            "reason": worded::reason_schema(),
            "reference": text(REFERENCE_PATTERN),
            name: what,
            other: { "type": "null" },
        },
        "additionalProperties": false,
    })
}

fn adjusted_schema() -> Value {
    object(&json!({
        "amount": amount("what was put right; below zero: given back"),
        "reason": worded::reason_schema(),
        "reference": text(REFERENCE_PATTERN),
    }))
}
