//! What monitoring asks without a token: metrics, health, readiness.
//!
//! It must never show a key or a prompt: whoever reaches the listener reads this.

use std::future::ready;
use std::sync::Arc;

use bastion_observe::{Check, Part};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::ask::Ask;
use crate::description::Description;
use crate::desk::Desk;
use crate::operation::Operation;
use crate::problem::Problem;
use crate::schema::{self, object};

/// The name that the document groups these by.
pub(crate) const NAME: &str = "probes";

/// What prometheus-client writes.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// Every probe.
pub(crate) fn operations() -> Vec<Operation> {
    let metrics = |desk: Arc<Desk>, _: Ask| ready(metrics(&desk));
    let readiness = |desk: Arc<Desk>, _: Ask| ready(readiness(&desk));
    let health = |_: Arc<Desk>, _: Ask| ready(Ok(Answer::text(TEXT_TYPE, "ok".to_owned())));
    vec![
        Operation::open("/metrics", describe_metrics(), metrics),
        Operation::open("/healthz", describe_health(), health),
        Operation::open("/readyz", describe_readiness(), readiness),
    ]
}

/// The schemas that the descriptions name.
pub(crate) fn schemas() -> Vec<(&'static str, Value)> {
    let failing = object(&json!({
        "check": { "enum": ["listeners", "store", "credentials", "serving"] },
        "why": { "type": "string" },
    }));
    let degraded = object(&json!({
        "part": { "enum": ["limits"] },
        "why": { "type": "string" },
    }));
    let readiness = object(&json!({
        "ready": { "type": "boolean" },
        "failing": { "type": "array", "items": failing },
        "degraded": { "type": "array", "items": degraded },
    }));
    vec![("Readiness", readiness)]
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    failing: Vec<Failing>,
    degraded: Vec<Degraded>,
}

#[derive(Serialize)]
struct Degraded {
    part: &'static str,
    why: String,
}

#[derive(Serialize)]
struct Failing {
    check: &'static str,
    why: String,
}

fn metrics(desk: &Desk) -> Result<Answer, Problem> {
    let text = desk.metrics.text().map_err(|_| {
        tracing::error!("the metrics could not be written");
        Problem::internal()
    })?;
    Ok(Answer::text(METRICS_TYPE, text))
}

fn readiness(desk: &Desk) -> Result<Answer, Problem> {
    let failing = desk.readiness.failing();
    let ready = failing.is_empty();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let told = |(check, why)| Failing { check: name(check), why };
    let failing = failing.into_iter().map(told).collect();
    let part = |(part, why)| Degraded { part: part_name(part), why };
    let degraded = desk.readiness.degraded().into_iter().map(part).collect();
    Answer::json(status, &Readiness { ready, failing, degraded })
}

fn name(check: Check) -> &'static str {
    match check {
        Check::Listeners => "listeners",
        Check::Store => "store",
        Check::Credentials => "credentials",
        Check::Serving => "serving",
    }
}

fn part_name(part: Part) -> &'static str {
    match part {
        Part::Limits => "limits",
    }
}

fn describe_metrics() -> Description {
    let text = json!({ "type": "string" });
    let media_type = "application/openmetrics-text";
    Description {
        id: "read_metrics",
        summary: "Every metric, as Prometheus reads them",
        parameters: Vec::new(),
        body: None,
        answers: vec![(200, schema::answer("the metrics", media_type, &text))],
        problems: &[500],
    }
}

fn describe_health() -> Description {
    let text = json!({ "const": "ok" });
    Description {
        id: "read_health",
        summary: "Does the process answer?",
        parameters: Vec::new(),
        body: None,
        answers: vec![(200, schema::answer("it does", "text/plain", &text))],
        problems: &[],
    }
}

fn describe_readiness() -> Description {
    Description {
        id: "read_readiness",
        summary: "Is the process ready for calls, and if not, why?",
        parameters: Vec::new(),
        body: None,
        answers: vec![
            (200, schema::json_answer("it is", "Readiness")),
            (503, schema::json_answer("it is not; what fails and why", "Readiness")),
        ],
        problems: &[],
    }
}
