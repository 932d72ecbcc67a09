//! The launch gate through the real binary: what it says, what it ends with, when it says no.
//!
//! It must never be ready by accident: every way to get no answer is tried.

mod cost;
mod sightings;
mod waivers;

use std::process::Output;

use bastion_types::BoxId;
use serde_json::Value;

use crate::bastion::{Bastion, CONFIG, command};

/// A gateway in front of nothing.
pub(crate) fn untouched() -> Bastion {
    Bastion::with(&config(""))
}

/// The configuration that tests begin with, and more.
pub(crate) fn config(more: &str) -> String {
    CONFIG.replace("{upstream}", "http://127.0.0.1:9/v1") + more
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The gate's report as programs read it.
pub(crate) fn report(bastion: &Bastion, environment: &str) -> (Option<i32>, Value) {
    let told = bastion.command(&["check", "--env", environment, "--format", "json"]);
    let report = serde_json::from_slice(&told.stdout);
    (told.status.code(), report.unwrap_or_else(|_| panic!("{}", text(&told.stderr))))
}

/// One box of it.
pub(crate) fn told(report: &Value, id: &str) -> Value {
    let boxes = report["boxes"].as_array().unwrap();
    boxes.iter().find(|told| told["id"] == id).unwrap().clone()
}

#[test]
fn an_untouched_deployment_is_not_ready_and_the_list_reads_like_a_plan() {
    let bastion = untouched();
    let said = bastion.command(&["check", "--env", "prod"]);
    let plan = text(&said.stdout);
    assert_eq!(said.status.code(), Some(1), "{plan}");
    assert!(plan.starts_with("prod is not ready: 0 proved, 0 waived, 26 open"), "{plan}");
    assert_eq!(plan.matches("\n      -> ").count(), 26, "each open box has its next step: {plan}");
    assert!(plan.contains("\n      -> run it: bastion drill run retry --env prod\n"), "{plan}");
    assert!(!plan.contains('\u{1b}'), "no colours where there is no terminal");
    let (code, report) = report(&bastion, "prod");
    assert_eq!(
        (code, &report["ready"], &report["environment"]),
        (Some(1), &false.into(), &"prod".into())
    );
    let ids: Vec<&str> =
        report["boxes"].as_array().unwrap().iter().map(|b| b["id"].as_str().unwrap()).collect();
    assert_eq!(ids, BoxId::all().map(BoxId::as_str).collect::<Vec<_>>());
    let page = text(&bastion.command(&["check", "--format", "html"]).stdout);
    assert!(page.starts_with("<!doctype html>") && page.matches("<article").count() == 26);
}

#[test]
fn one_box_is_asked_for_by_its_id() {
    let bastion = untouched();
    let said = bastion.command(&["check", "--box", "streaming.cancel", "--format", "json"]);
    assert_eq!(said.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(report["boxes"].as_array().unwrap().len(), 1);
    assert_eq!(report["boxes"][0]["id"], "streaming.cancel");
}

fn fails(said: &Output, code: i32, part: &str) {
    let error = text(&said.stderr);
    assert_eq!(said.status.code(), Some(code), "{error}");
    assert!(error.contains(part), "{error}");
    assert!(said.stdout.is_empty(), "{}", text(&said.stdout));
}

#[test]
fn a_gate_that_cannot_ask_is_never_ready() {
    let bastion = untouched();
    fails(&bastion.command(&["check", "--env", "production"]), 2, "there are dev, prod, quebec");
    fails(&bastion.command(&["check", "--env", "Prod!"]), 2, "environment");
    let slip = ["check", "--box", "privacy.pi"];
    fails(&bastion.command(&slip), 2, "did you mean 'privacy.pii'?");
    let callers = format!("http://{}", bastion.callers);
    let there = |server: &str| {
        command(bastion.folder()).args(["check", "--server", server]).output().unwrap()
    };
    fails(&there(&callers), 2, "not Bastion's operator API");
    fails(&there("http://127.0.0.1:9"), 3, "bastion serve");
    let folder = bastion.into_folder();
    let mut alone = command(folder.path());
    let said = alone.args(["check", "--server", "http://127.0.0.1:9"]).output().unwrap();
    fails(&said, 3, "bastion serve");
}
