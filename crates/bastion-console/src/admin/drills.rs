//! Drills: which there are, starting one, its runs.
//!
//! It must never start a second one while one runs, nor say of a run more than was recorded.

use std::sync::Arc;

use bastion_observe::{DrillWish, KnownDrill, NotStarted, RunningDrill};
use bastion_store::{DrillOutcome, DrillRun, RunFilter};
use bastion_types::{EnvironmentName, RunId};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use super::Resource;
use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::schema::{self, ENVIRONMENT_PATTERN, nullable, object, query, reference, text, time};

const PATH: &str = "/admin/v1/drills";
const RUNS_PATH: &str = "/admin/v1/drills/runs";
const RUN_PATH: &str = "/admin/v1/drills/runs/{id}";
const STOP_PATH: &str = "/admin/v1/drills/runs/{id}/stop";
const PARAMETERS: [&str; 4] = ["drill", "env", "before", "limit"];
const FIELDS: [&str; 3] = ["drill", "environment", "attended"];

const RUN_ID_PATTERN: &str = "^run_[0-9A-Za-z]{24}$";

/// `drills`
pub(crate) struct Drills;

impl Resource for Drills {
    fn name(&self) -> &'static str {
        "drills"
    }

    fn operations(&self) -> Vec<Operation> {
        vec![
            Operation::get(PATH, describe_list(), list),
            Operation::post(PATH, describe_start(), start),
            Operation::get(RUNS_PATH, describe_runs(), runs),
            Operation::get(RUN_PATH, describe_run(), run),
            Operation::post(STOP_PATH, describe_stop(), stop),
        ]
    }

    fn schemas(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("DrillList", list_schema()),
            ("RunningDrill", running_schema()),
            ("KnownDrill", json!({ "type": "string" })),
            ("NewDrill", wish_schema()),
            ("DrillRun", run_schema()),
            ("DrillRunPage", schema::page("DrillRun", "before", RUN_ID_PATTERN)),
        ]
    }
}

#[derive(Serialize)]
struct List {
    data: Vec<KnownDrill>,
    running: Option<RunningDrill>,
    next: Option<String>,
}

#[derive(Serialize)]
struct RunPage {
    data: Vec<ShownRun>,
    next: Option<RunId>,
}

/// A run, and what it is at.
#[derive(Serialize)]
struct ShownRun {
    #[serde(flatten)]
    run: DrillRun,
    progress: Option<String>,
}

impl ShownRun {
    fn of(desk: &Desk, run: DrillRun) -> ShownRun {
        let running = desk.drills.running().filter(|running| running.id == run.id);
        ShownRun { run, progress: running.map(|running| running.progress) }
    }
}

async fn list(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    std::future::ready(ask.query(&[])).await?;
    Answer::ok(&List { data: desk.drills.known(), running: desk.drills.running(), next: None })
}

async fn start(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let request_id = ask.id;
    let fields = ask.fields(&FIELDS).await?;
    let named = fields.required_text("environment")?;
    let environment = EnvironmentName::parse(named)
        .map_err(|cause| Problem::invalid_name("environment", &cause))?;
    if !desk.deployment.environments().contains(&environment) {
        let rule = "is no environment of this deployment";
        return Err(Problem::invalid_field("environment", rule));
    }
    let is_attended = match fields.value("attended") {
        None => false,
        Some(value) => value.as_bool().ok_or_else(|| {
            Problem::invalid_field("attended", "is true or false, without quotation marks")
        })?,
    };
    let drill = fields.required_text("drill")?.to_owned();
    let wish = DrillWish { drill, environment, is_attended };
    match desk.drills.start(wish).await {
        Ok(run) => Answer::json(StatusCode::ACCEPTED, &ShownRun::of(&desk, run)),
        Err(NotStarted::Store(cause)) => Err(Problem::store(request_id, &cause)),
        Err(NotStarted::Unknown) => {
            let known: Vec<&str> = desk.drills.known().iter().map(|drill| drill.name).collect();
            let rule = format!("is no drill; there are {}", known.join(", "));
            Err(Problem::invalid_field("drill", &rule))
        }
        Err(NotStarted::Busy(running)) => Err(Problem::conflict(format!(
            "the drill '{}' runs already for {} ({}): {}; wait for its end, or stop it",
            running.drill, running.environment, running.id, running.progress
        ))),
        Err(NotStarted::Draining) => {
            Err(Problem::conflict("the process is about to end; ask the next one".to_owned()))
        }
        Err(NotStarted::NoRandomness) => Err(Problem::internal()),
    }
}

async fn runs(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    let query = ask.query(&PARAMETERS)?;
    let filter = RunFilter {
        drill: query.text("drill").map(str::to_owned),
        environment: query.named("env", EnvironmentName::parse)?,
        before: query.parsed("before", "is what 'next' of the page before says", RunId::parse)?,
    };
    let limit = query.limit()?;
    let failed = |cause| Problem::store(ask.id, &cause);
    let evidence = desk.store.evidence();
    evidence.interrupt_overdue(desk.clock.now()).await.map_err(failed)?;
    let data = evidence.runs(&filter, limit).await.map_err(failed)?;
    let is_full = usize::try_from(limit).is_ok_and(|limit| data.len() >= limit);
    let mut next = data.last().filter(|_| is_full).map(|run| run.id);
    if next.is_some() {
        let behind = RunFilter { before: next, ..filter };
        let follows = !evidence.runs(&behind, 1).await.map_err(failed)?.is_empty();
        next = next.filter(|_| follows);
    }
    let data = data.into_iter().map(|run| ShownRun::of(&desk, run)).collect();
    Answer::ok(&RunPage { data, next })
}

async fn run(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let id = RunId::parse(ask.named()).ok_or_else(unknown)?;
    desk.drills.attend(id);
    let failed = |cause| Problem::store(ask.id, &cause);
    let evidence = desk.store.evidence();
    let mut found = evidence.run(id).await.map_err(failed)?.ok_or_else(unknown)?;
    if found.outcome == DrillOutcome::Running && found.until < desk.clock.now() {
        evidence.interrupt_overdue(desk.clock.now()).await.map_err(failed)?;
        found = evidence.run(id).await.map_err(failed)?.ok_or_else(unknown)?;
    }
    Answer::ok(&ShownRun::of(&desk, found))
}

async fn stop(desk: Arc<Desk>, ask: Ask) -> Result<Answer, Problem> {
    ask.query(&[])?;
    let request_id = ask.id;
    let id = RunId::parse(ask.named()).ok_or_else(unknown)?;
    ask.fields(&[]).await?;
    let found = desk.store.evidence().run(id).await;
    let found = found.map_err(|cause| Problem::store(request_id, &cause))?.ok_or_else(unknown)?;
    if !desk.drills.stop(id) && found.outcome == DrillOutcome::Running {
        let message = "another process runs this drill; stop it there, or wait for its end";
        return Err(Problem::conflict(message.to_owned()));
    }
    Answer::ok(&ShownRun::of(&desk, found))
}

fn unknown() -> Problem {
    Problem::not_found("there is no such run; GET /admin/v1/drills/runs lists those that are")
}

fn describe_list() -> Description {
    Description {
        id: "list_drills",
        summary: "Every drill, and the one that runs",
        parameters: Vec::new(),
        body: None,
        answers: vec![(200, schema::json_answer("the drills", "DrillList"))],
        problems: &[],
    }
}

fn describe_start() -> Description {
    Description {
        id: "start_drill",
        summary: "Run a drill on a rehearsal; one at a time. Ask for the run to see it end",
        parameters: Vec::new(),
        body: Some(schema::required_body("NewDrill")),
        answers: vec![(202, schema::json_answer("the run, begun", "DrillRun"))],
        problems: &[409, 500, 503],
    }
}

fn describe_runs() -> Description {
    let name = json!({ "type": "string" });
    Description {
        id: "list_drill_runs",
        summary: "Runs of drills, newest first",
        parameters: vec![
            query("drill", "only of this drill", &name),
            query("env", "only of this environment", &text(ENVIRONMENT_PATTERN)),
            query("before", "what 'next' of the page before says", &text(RUN_ID_PATTERN)),
            schema::limit(),
        ],
        body: None,
        answers: vec![(200, schema::json_answer("a page of runs", "DrillRunPage"))],
        problems: &[503],
    }
}

fn describe_run() -> Description {
    Description {
        id: "show_drill_run",
        summary: "One run; asking counts as waiting for one that was started as attended",
        parameters: vec![schema::id(RUN_ID_PATTERN)],
        body: None,
        answers: vec![(200, schema::json_answer("the run", "DrillRun"))],
        problems: &[404, 503],
    }
}

fn describe_stop() -> Description {
    Description {
        id: "stop_drill",
        summary: "End a run before its time; it is recorded as interrupted",
        parameters: vec![schema::id(RUN_ID_PATTERN)],
        body: Some(schema::optional_body("Nothing")),
        answers: vec![(200, schema::json_answer("the run as it stood", "DrillRun"))],
        problems: &[404, 409, 503],
    }
}

fn list_schema() -> Value {
    let drill = object(&json!({
        "name": { "type": "string" },
        "box": { "type": "string", "description": "the box of the checklist that it proves" },
        "shows": { "type": "string" },
        "harmless": { "type": "boolean", "description": "it touches nothing that is live" },
    }));
    object(&json!({
        "data": { "type": "array", "items": drill },
        "running": nullable(&reference("RunningDrill")),
        "next": { "type": "null" },
    }))
}

fn running_schema() -> Value {
    object(&json!({
        "id": text(RUN_ID_PATTERN),
        "drill": { "type": "string" },
        "environment": text(ENVIRONMENT_PATTERN),
        "progress": { "type": "string", "description": "what it is at" },
    }))
}

fn wish_schema() -> Value {
    json!({
        "type": "object",
        "required": ["drill", "environment"],
        "properties": {
            "drill": reference("KnownDrill"),
            "environment": reference("KnownEnvironment"),
            "attended": {
                "type": ["boolean", "null"],
                "description": "end it when nobody asks for the run for 5 s; default false",
            },
        },
        "additionalProperties": false,
    })
}

fn run_schema() -> Value {
    object(&json!({
        "id": text(RUN_ID_PATTERN),
        "drill": { "type": "string" },
        "environment": text(ENVIRONMENT_PATTERN),
        "started_at": time("when it began"),
        "until": time("when it is over at the latest"),
        "ended_at": nullable(&time("when it ended")),
        "outcome": { "enum": ["running", "pass", "fail", "interrupted"] },
        "policy_hash": { "type": "string", "description": "of the settings that calls went by" },
        "version": { "type": "string" },
        "reason": { "type": "string", "description": "what was shown, or why not" },
        "figures": { "type": "object", "description": "what was measured" },
        "progress": { "type": ["string", "null"], "description": "what a running one is at" },
    }))
}
