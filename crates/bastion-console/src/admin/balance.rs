//! The prepaid balance, and what is paid into it.
//!
//! It must never be paid into twice under one reference.

use std::sync::Arc;

use bastion_store::{TopUp, TopUpOutcome};
use bastion_types::{AccountId, ModelName, Money, RequestId};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::Resource;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::fields::Fields;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::schema::{self, amount, currency, nullable, object, text};
use crate::worded::{self, REFERENCE_PATTERN};

const PATH: &str = "/admin/v1/balance";
const TOP_UPS_PATH: &str = "/admin/v1/balance/top-ups";
const FIELDS: [&str; 4] = ["amount", "currency", "reference", "note"];

/// `balance`
pub(crate) struct Balance;

impl Resource for Balance {
    fn name(&self) -> &'static str {
        "balance"
    }

    fn operations(&self) -> Vec<Operation> {
        vec![
            Operation::get(PATH, describe_show(), show),
            Operation::post(TOP_UPS_PATH, describe_top_up(), top_up),
        ]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Balance", balance_schema()),
            ("TopUp", top_up_schema()),
            ("ToppedUp", topped_up_schema()),
            ("KnownCurrency", currency()),
        ]
    }
}

#[derive(Serialize)]
struct Shown {
    balance: Money,
    held: Money,
    free: Money,
    currency: String,
}

async fn show(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    Answer::ok(&shown(&desk, ask.id).await?)
}

async fn shown(desk: &Desk, id: RequestId) -> Result<Shown, Problem> {
    let account = desk.store.ledger().account(&AccountId::BALANCE).await;
    let account = account.map_err(|cause| Problem::store(id, &cause))?;
    let balance = account.credited.checked_sub(account.spent).unwrap_or_default();
    Ok(Shown {
        balance,
        held: account.held,
        free: account.free(account.credited),
        currency: desk.deployment.currency(),
    })
}

#[derive(Serialize)]
struct ToppedUp {
    amount: Money,
    currency: String,
    reference: String,
    refused_models: Vec<ModelName>,
}

async fn top_up(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let id = ask.id;
    let fields = ask.fields(&FIELDS).await?;
    let asked = TopUp {
        amount: paid(&fields, &desk.deployment.currency())?,
        reference: worded::reference(&fields)?.to_owned(),
        note: worded::note(&fields)?.map(str::to_owned),
    };
    let (amount, reference) = (asked.amount, asked.reference.clone());
    let outcome = desk.store.ledger().top_up(asked).await;
    let status = match outcome.map_err(|cause| Problem::hand(id, &cause))? {
        TopUpOutcome::Done => StatusCode::CREATED,
        TopUpOutcome::AlreadyThere => StatusCode::OK,
    };
    tracing::info!(request_id = %id, %amount, "an operator topped the balance up");
    let topped_up = ToppedUp {
        amount,
        currency: desk.deployment.currency(),
        reference,
        refused_models: desk.deployment.config().refused_by_balance(),
    };
    Answer::json(status, &topped_up)
}

/// An amount above zero in the deployment's currency.
fn paid(fields: &Fields, currency: &str) -> Result<Money, Problem> {
    let rule = "is an amount above zero as a decimal text with at most nine digits before its point \
                and nine behind it, such as \"50.00\"";
    let amount = worded::positive(fields.required_text("amount")?);
    let amount = amount.ok_or_else(|| Problem::invalid_field("amount", rule))?;
    match fields.text("currency")? {
        Some(other) if other != currency => {
            let rule = format!("is {currency} in this deployment; leave it out");
            Err(Problem::invalid_field("currency", &rule))
        }
        _ => Ok(amount),
    }
}

fn describe_show() -> Description {
    Description {
        id: "show_balance",
        summary: "The prepaid balance: what was paid in without what was charged",
        parameters: Vec::new(),
        body: None,
        answers: vec![(200, schema::json_answer("the balance", "Balance"))],
        problems: &[503],
    }
}

fn describe_top_up() -> Description {
    Description {
        id: "top_up_balance",
        summary: "Pay into the balance, once for each reference",
        parameters: Vec::new(),
        body: Some(schema::required_body("TopUp")),
        answers: vec![
            (201, schema::json_answer("it is in the balance now", "ToppedUp")),
            (200, schema::json_answer("it was there already", "ToppedUp")),
        ],
        problems: &[409, 503],
    }
}

fn balance_schema() -> Value {
    object(&json!({
        "balance": amount("paid in, without what was charged"),
        "held": amount("reserved by running calls"),
        "free": amount("what new calls may still reserve"),
        "currency": currency(),
    }))
}

fn topped_up_schema() -> Value {
    object(&json!({
        "amount": amount("what was paid in"),
        "currency": currency(),
        "reference": text(REFERENCE_PATTERN),
        "refused_models": schema::models("models without a price: the balance refuses their calls"),
    }))
}

fn top_up_schema() -> Value {
    json!({
        "type": "object",
        "required": ["amount", "reference"],
        "properties": {
            "amount": worded::positive_schema(),
            "currency": nullable(&schema::reference("KnownCurrency")),
            "reference": text(REFERENCE_PATTERN),
            "note": worded::note_schema(),
        },
        "additionalProperties": false,
    })
}
