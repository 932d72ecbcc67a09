//! The ledger: worked out anew from nothing, and put right by hand, with a reason.
//!
//! It must never change an entry: a correction is another one.

use std::sync::Arc;

use bastion_store::{Adjustment, Concerns, TopUpOutcome};
use bastion_types::{EnvironmentName, Money, RequestId};
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
use crate::schema::{self, ENVIRONMENT_PATTERN, REQUEST_ID_PATTERN, amount, count, object, text};

const VERIFY_PATH: &str = "/admin/v1/ledger/verify";
const ADJUST_PATH: &str = "/admin/v1/ledger/adjustments";
const FIELDS: [&str; 5] = ["amount", "call", "environment", "reason", "reference"];

/// Longest reason and reference, in bytes.
const MAX_REASON_BYTES: usize = 1024;
const MAX_REFERENCE_BYTES: usize = 128;

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
        vec![("LedgerVerdict", verdict_schema()), ("Adjustment", adjustment_schema())]
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
    let amount = signed(fields.required_text("amount")?);
    let rule = "is an amount as a decimal text, below zero to give back, such as \"-0.50\"";
    let amount = amount.ok_or_else(|| Problem::invalid_field("amount", rule))?;
    let asked = Adjustment {
        amount,
        concerns: concerns(&desk, &fields)?,
        reason: line(&fields, "reason", MAX_REASON_BYTES)?.to_owned(),
        reference: line(&fields, "reference", MAX_REFERENCE_BYTES)?.to_owned(),
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

/// An amount with a sign, as [`Money`] prints it.
fn signed(text: &str) -> Option<Money> {
    let Some(positive) = text.strip_prefix('-') else { return Money::parse(text).ok() };
    Money::ZERO.checked_sub(Money::parse(positive).ok()?)
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

fn line<'a>(fields: &'a Fields, name: &str, max_bytes: usize) -> Result<&'a str, Problem> {
    let text = fields.required_text(name)?;
    if text.trim().is_empty() || text.len() > max_bytes || text.chars().any(char::is_control) {
        let rule = format!("is a text of 1 to {max_bytes} bytes on one line");
        return Err(Problem::invalid_field(name, &rule));
    }
    Ok(text)
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
            (201, schema::json_answer("it counts now", "Adjustment")),
            (200, schema::json_answer("it was there already", "Adjustment")),
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

fn adjustment_schema() -> Value {
    json!({
        "type": "object",
        "required": ["amount", "reason", "reference"],
        "properties": {
            "amount": text("^-?[0-9]{1,10}([.][0-9]{1,9})?$"),
            "call": { "type": ["string", "null"], "pattern": REQUEST_ID_PATTERN },
            "environment": { "type": ["string", "null"], "pattern": ENVIRONMENT_PATTERN },
            "reason": { "type": "string" },
            "reference": { "type": "string" },
        },
        "additionalProperties": false,
    })
}
