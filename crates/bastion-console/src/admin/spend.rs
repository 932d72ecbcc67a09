//! What was spent in a month, by whatever charges are told apart by.
//!
//! It must never add up anything but the ledger's entries.

use std::sync::Arc;

use bastion_store::{SpendBy, SpendRow, Spent};
use bastion_types::{CalendarMonth, Money, Zone};
use serde::Serialize;
use serde_json::{Value, json};

use super::Resource;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::schema::{self, amount, count, currency, nullable, object, query, text};

const PATH: &str = "/admin/v1/spend";

/// `spend`
pub(crate) struct Spend;

impl Resource for Spend {
    fn name(&self) -> &'static str {
        "spend"
    }

    fn operations(&self) -> Vec<Operation> {
        vec![Operation::get(PATH, describe(), show)]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        vec![("Spend", spend_schema())]
    }
}

#[derive(Serialize)]
struct Shown {
    month: String,
    by: &'static str,
    currency: String,
    data: Vec<SpendRow>,
    total: Money,
    further: u64,
}

async fn show(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    let query = ask.query(&["by", "month"])?;
    let rule = "is env, service, key, surface, model, user or upstream";
    let by = query.parsed("by", rule, SpendBy::parse)?.unwrap_or(SpendBy::Environment);
    let month = query
        .parsed("month", "is a month such as 2026-11", |text| CalendarMonth::parse(text).ok())?;
    let month = month.unwrap_or_else(|| usual_zone(&desk).day_of(desk.clock.now()).month());
    let spent = desk.store.ledger().spend(by, month).await;
    let Spent { rows, total, further } = spent.map_err(|cause| Problem::store(ask.id, &cause))?;
    Answer::ok(&Shown {
        month: month.to_string(),
        by: by.as_str(),
        currency: desk.deployment.currency(),
        data: rows,
        total,
        further,
    })
}

/// The environments' own time zone where all have the same one.
fn usual_zone(desk: &Desk) -> Zone {
    let names = desk.deployment.environments();
    let mut zones = names.iter().filter_map(|name| desk.deployment.money(name)).map(|of| of.zone);
    let first = zones.next().unwrap_or(Zone::UTC);
    if zones.all(|zone| zone.name() == first.name()) { first } else { Zone::UTC }
}

fn describe() -> Description {
    let by = json!({ "enum": SpendBy::NAMES, "default": "env" });
    Description {
        id: "show_spend",
        summary: "What was spent in a month of the environments' time zones, the most first",
        parameters: vec![
            query("by", "what it is told apart by", &by),
            query(
                "month",
                "if left out this one, in the environments' time zone, or UTC where they differ",
                &text("^[0-9]{4}-(0[1-9]|1[0-2])$"),
            ),
        ],
        body: None,
        answers: vec![(200, schema::json_answer("the month", "Spend"))],
        problems: &[503],
    }
}

fn spend_schema() -> Value {
    let row = object(&json!({
        "name": { "type": ["string", "null"], "description": "null: charges that name none" },
        "amount": amount("charged, with corrections"),
        "calls": count(),
        "input_tokens": count(),
        "output_tokens": count(),
        "estimated_calls": count(),
        "stated_amount": nullable(&amount("what the upstreams say it cost; null: none says it")),
    }));
    object(&json!({
        "month": text("^[0-9]{4}-(0[1-9]|1[0-2])$"),
        "by": { "enum": SpendBy::NAMES },
        "currency": currency(),
        "data": { "type": "array", "items": row },
        "total": amount("of all rows, those that are not shown, too"),
        "further": { "type": "integer", "minimum": 0, "description": "rows that are not shown" },
    }))
}
