//! The launch gate: every box of the checklist for one environment, with its verdict.
//!
//! It must never run anything: it reads evidence.

use std::sync::Arc;

use bastion_check::{Asked, gather, judge};
use bastion_types::{BoxId, EnvironmentName};
use serde_json::{Value, json};

use super::Resource;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::schema::{self, ENVIRONMENT_PATTERN, count, nullable, object, query, text, time};

const PATH: &str = "/admin/v1/checklist";
const PARAMETERS: [&str; 2] = ["env", "box"];

/// Between boxes in the parameter.
const SEPARATOR: char = ',';

/// The environment that is meant where none is named.
const USUAL: &str = "prod";

/// `checklist`
pub(crate) struct Checklist;

impl Resource for Checklist {
    fn name(&self) -> &'static str {
        "checklist"
    }

    fn operations(&self) -> Vec<Operation> {
        vec![Operation::get(PATH, describe(), show)]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        vec![("Checklist", checklist_schema()), ("Box", box_schema())]
    }
}

async fn show(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    let query = ask.query(&PARAMETERS)?;
    let asked_for = query.named("env", EnvironmentName::parse)?;
    let environment = environment(&desk, asked_for)?;
    let boxes = query.text("box").map(boxes).transpose()?.unwrap_or_default();
    let config = desk.deployment.config();
    let asked = Asked {
        environment: &environment,
        config: &config,
        policy_hash: desk.deployment.policy_hash(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now: desk.clock.now(),
    };
    let facts = gather(&desk.store, asked).await;
    let facts = facts.map_err(|cause| Problem::store(ask.id, &cause))?;
    Answer::ok(&judge(&facts, &config.waivers, &boxes))
}

/// The one that is named; else the usual one, or the only one.
fn environment(desk: &Desk, named: Option<EnvironmentName>) -> Result<EnvironmentName, Problem> {
    let known = desk.deployment.environments();
    let listed = || known.iter().map(EnvironmentName::as_str).collect::<Vec<_>>().join(", ");
    if let Some(named) = named {
        let unknown = format!("is no environment of this deployment; there are {}", listed());
        let is_known = known.contains(&named);
        return if is_known { Ok(named) } else { Err(Problem::invalid_field("env", &unknown)) };
    }
    let usual = known.iter().find(|name| name.as_str() == USUAL);
    let only = known.first().filter(|_| known.len() == 1);
    usual.or(only).cloned().ok_or_else(|| {
        Problem::invalid_field("env", &format!("is missing; name one of {}", listed()))
    })
}

fn boxes(list: &str) -> Result<Vec<&'static str>, Problem> {
    let unknown = || {
        let rule = "is the id of a box, or several with commas between them; without it all 26 are \
                    shown";
        Problem::invalid_field("box", rule)
    };
    let ids = list.split(SEPARATOR);
    ids.map(|id| BoxId::parse(id).map(BoxId::as_str).ok_or_else(unknown)).collect()
}

fn describe() -> Description {
    let one = BoxId::all().map(BoxId::as_str).collect::<Vec<_>>().join("|").replace('.', "[.]");
    let ids = json!({
        "type": "string", "pattern": format!("^({one})(,({one}))*$"),
        "description": "ids with commas between them",
    });
    Description {
        id: "show_checklist",
        summary: "The launch gate: every box of the production checklist, with its verdict",
        parameters: vec![
            query(
                "env",
                "the environment; else prod, or the only one",
                &schema::reference("KnownEnvironment"),
            ),
            query("box", "only these boxes", &ids),
        ],
        body: None,
        answers: vec![(200, schema::json_answer("the verdicts", "Checklist"))],
        problems: &[503],
    }
}

fn checklist_schema() -> Value {
    let all: Vec<&str> = BoxId::all().map(BoxId::as_str).collect();
    let boxes = json!({
        "type": "array", "items": schema::reference("Box"), "maxItems": all.len(),
        "description": "in the checklist's order",
    });
    object(&json!({
        "ready": { "type": "boolean", "description": "is every box proved or waived?" },
        "environment": text(ENVIRONMENT_PATTERN),
        "at": time("when the evidence was read"),
        "boxes": boxes,
    }))
}

fn box_schema() -> Value {
    let ids: Vec<&str> = BoxId::all().map(BoxId::as_str).collect();
    let said = |what: &str| json!({ "type": "string", "description": what });
    let limit = json!({
        "type": ["integer", "null"], "minimum": 0,
        "description": "how old it may be; null: it is read anew each time",
    });
    let evidence = object(&json!({
        "what": said("what it is"),
        "at": time("of when it is"),
        "age_s": count(),
        "limit_s": limit,
    }));
    let waiver = object(&json!({
        "reason": said("why the box is left open"),
        "owner": said("who answers for it"),
        "expires": said("its last day, in UTC"),
        "expired": { "type": "boolean" },
    }));
    object(&json!({
        "id": { "enum": ids },
        "verdict": { "enum": ["pass", "fail", "attested", "waived"] },
        "reason": said("what was shown, or what is missing"),
        "mend": said("the next step"),
        "proved_by": said("what proves it"),
        "evidence": { "type": "array", "items": evidence },
        "waiver": nullable(&waiver),
    }))
}
