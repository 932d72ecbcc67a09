//! Drills through the real binary: what they show, what they notice, and the boxes behind them.
//!
//! It must never let a drill reach the deployment's own upstream.

mod ended;

use std::process::Output;

use serde_json::Value;

use crate::bastion::{Bastion, CONFIG};
use crate::gate::{report, text, told};
use crate::upstream::Upstream;

/// Drills that take moments.
const QUICK: &str = "attempts = 3\nbase = \"20ms\"\ncap = \"3s\"";

/// A model that answers at `/v1/responses`, too.
const RESPONSES: &str = "kind = [\"chat\", \"responses\"]";

/// The boxes behind drills.
const BOXES: [&str; 6] = [
    "reliability.retry",
    "reliability.retry-after",
    "reliability.no-4xx-retry",
    "reliability.stream-restart",
    "streaming.cancel",
    "privacy.store-false",
];

/// The configuration that tests begin with, with this retry policy.
pub(crate) fn config(upstream: &Upstream, retry: &str) -> String {
    let config = CONFIG.replace("{upstream}", &format!("http://{}/v1", upstream.address));
    config.replace("attempts = 1", retry).replacen("kind = \"chat\"", RESPONSES, 1)
}

/// The runs that a command tells, and how it ended.
fn runs(said: &Output) -> (Option<i32>, Vec<Value>) {
    let told: Value = serde_json::from_slice(&said.stdout)
        .unwrap_or_else(|_| panic!("{}{}", text(&said.stdout), text(&said.stderr)));
    (said.status.code(), told["data"].as_array().unwrap().clone())
}

fn run(bastion: &Bastion, drill: &str) -> (Option<i32>, Value) {
    let said = bastion.command(&["drill", "run", drill, "--env", "prod", "--json"]);
    let (code, runs) = runs(&said);
    (code, runs[0].clone())
}

/// Five callers leave within 100 ms each, mostly: on a machine that is busy elsewhere it is tried
/// again.
const TRIES: usize = 5;

#[tokio::test]
async fn every_drill_passes_and_proves_its_box_and_touches_nothing_live() {
    let upstream = Upstream::start();
    let bastion = Bastion::with(&config(&upstream, QUICK));
    let said = bastion.command(&["drill", "run", "--all", "--env", "prod", "--json"]);
    let (_, runs) = runs(&said);
    assert_eq!(runs.len(), BOXES.len());
    for run in &runs {
        if run["drill"] != "cancel" {
            assert_eq!(run["outcome"], "pass", "{run:#}");
        }
    }
    let closes = |run: &Value| run["figures"]["closes_ms"].as_array().map_or(0, Vec::len);
    assert_eq!(runs.iter().map(closes).sum::<usize>(), 5, "each close was measured");
    let quick = (0..TRIES).any(|_| run(&bastion, "cancel").1["outcome"] == "pass");
    assert!(quick, "the upstream never saw a close within 100 ms");
    let (_, whole) = report(&bastion, "prod");
    for id in BOXES {
        let told = told(&whole, id);
        assert_eq!(told["verdict"], "pass", "{told:#}");
        assert_eq!(told["evidence"][0]["limit_s"], 2_592_000);
    }
    let (_, dev) = report(&bastion, "dev");
    assert_eq!(told(&dev, "reliability.retry")["verdict"], "fail", "each environment has its own");
    assert_eq!(upstream.log.entries().len(), 0, "the deployment's own upstream got nothing");
    let calls = bastion.command(&["drill", "history", "--json", "--drill", "retry"]);
    let history: Value = serde_json::from_slice(&calls.stdout).unwrap();
    assert_eq!(history["data"][0]["figures"]["attempts_of_a_call_that_only_fails"], 3);
    assert!(!bastion.log.text().contains("panicked"), "{}", bastion.log.text());
}

#[tokio::test]
async fn a_drill_that_needs_more_retries_than_are_free_makes_the_calls_for_them() {
    let upstream = Upstream::start();
    let policy = "attempts = 5\nbase = \"20ms\"\ncap = \"3s\"\nbudget = 0.2";
    let bastion = Bastion::with(&config(&upstream, policy));
    let (code, run) = run(&bastion, "retry");
    assert_eq!(code, Some(0), "{run:#}");
    assert!(run["reason"].as_str().unwrap().contains("waits that differ and grow"), "{run:#}");
    // Twice four behind calls that are answered, and four of this one: two more than are free.
    assert_eq!(run["figures"]["attempts_of_a_call_that_only_fails"], 5, "{run:#}");
}

#[tokio::test]
async fn evidence_of_another_configuration_is_stale() {
    let upstream = Upstream::start();
    let bastion = Bastion::with(&config(&upstream, QUICK));
    assert_eq!(run(&bastion, "no-4xx-retry").0, Some(0));
    let verdict = || told(&report(&bastion, "prod").1, "reliability.no-4xx-retry");
    assert_eq!(verdict()["verdict"], "pass");
    let other = config(&upstream, "attempts = 4\nbase = \"20ms\"\ncap = \"3s\"");
    std::fs::write(bastion.config_file(), other).unwrap();
    bastion.signal("HUP");
    bastion.log.wait_for("read again");
    let stale = verdict();
    assert_eq!(stale["verdict"], "fail");
    let reason = stale["reason"].as_str().unwrap();
    assert!(reason.contains("another configuration than the one that runs"), "{reason}");
}

/// The drill and its box with this retry policy.
fn fails(retry: &str, drill: &str, part: &str) {
    let upstream = Upstream::start();
    let bastion = Bastion::with(&config(&upstream, retry));
    let (code, run) = run(&bastion, drill);
    assert_eq!((code, &run["outcome"]), (Some(1), &"fail".into()), "{run:#}");
    assert!(run["reason"].as_str().unwrap().contains(part), "{run:#}");
    let card = report(&bastion, "prod").1;
    let card = card["boxes"].as_array().unwrap().iter().find(|told| {
        told["reason"].as_str().unwrap().contains(&format!("the drill '{drill}' failed on"))
    });
    assert_eq!(card.unwrap()["verdict"], "fail");
}

#[tokio::test]
async fn a_policy_that_never_retries_fails_its_drills() {
    fails("attempts = 1", "retry", "retry.attempts is 1");
    fails("attempts = 1", "stream-restart", "no dropped stream is ever sent again");
}

#[tokio::test]
async fn a_policy_that_ends_before_the_second_attempt_fails_the_drill() {
    let hasty = "attempts = 3\nbase = \"5s\"\ncap = \"5s\"\ntotal = \"1ms\"\nbudget = 0";
    fails(hasty, "retry", "attempts were made");
}

#[tokio::test]
async fn a_wait_beyond_the_policy_is_passed_on() {
    let upstream = Upstream::start();
    let bastion = Bastion::with(&config(&upstream, "attempts = 3\nbase = \"20ms\"\ncap = \"1s\""));
    let (code, run) = run(&bastion, "retry-after");
    assert_eq!(code, Some(0), "{run:#}");
    assert!(run["reason"].as_str().unwrap().contains("which is beyond the policy"), "{run:#}");
}

#[tokio::test]
async fn without_a_model_for_responses_nothing_is_sent() {
    let upstream = Upstream::start();
    let config = config(&upstream, QUICK).replace(RESPONSES, "kind = \"chat\"");
    let bastion = Bastion::with(&config);
    let (code, run) = run(&bastion, "store-false");
    assert_eq!(code, Some(0), "{run:#}");
    assert!(run["reason"].as_str().unwrap().contains("no model of this environment"), "{run:#}");
}

#[tokio::test]
async fn drills_call_where_a_use_case_and_a_user_are_required() {
    let upstream = Upstream::start();
    let surface = "\n[surfaces.chat]\nmodels = [\"renamed\"]\nwhy = \"x\"\nowner = \"y\"\n\
                   require_user = true\n";
    let required = config(&upstream, QUICK).replace(
        "[environments.prod]\n",
        "[environments.prod]\nrequire_surface = true\nrequire_user = true\n",
    );
    let bastion = Bastion::with(&(required.clone() + surface));
    for drill in ["no-4xx-retry", "stream-restart"] {
        let (code, run) = run(&bastion, drill);
        assert_eq!((code, &run["outcome"]), (Some(0), &"pass".into()), "{run:#}");
    }
    let nameless = Bastion::with(&required);
    let (code, run) = run(&nameless, "retry");
    assert_eq!(code, Some(1), "{run:#}");
    assert!(run["reason"].as_str().unwrap().contains("no model of kind chat"), "{run:#}");
}

#[tokio::test]
async fn the_gate_runs_the_drills_that_are_missing() {
    let upstream = Upstream::start();
    let bastion = Bastion::with(&config(&upstream, QUICK));
    let ids = ["--box", "reliability.retry", "--box", "reliability.no-4xx-retry"];
    let arguments = [&["check", "--env", "prod", "--fix", "--format", "json"][..], &ids].concat();
    let said = bastion.command(&arguments);
    assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
    let noted = text(&said.stderr);
    assert!(noted.contains("drill retry: pass"), "{noted}");
    assert!(!noted.contains("drill cancel"), "only what was asked for: {noted}");
    let again = bastion.command(&arguments);
    assert!(!text(&again.stderr).contains("drill retry"), "what is proved is not run again");
}

#[tokio::test]
async fn drills_are_listed_and_a_slip_is_told() {
    let upstream = Upstream::start();
    let bastion = Bastion::with(&config(&upstream, QUICK));
    let listed = text(&bastion.command(&["drill", "list"]).stdout);
    for drill in ["retry", "retry-after", "no-4xx-retry", "stream-restart", "cancel", "store-false"]
    {
        assert!(listed.contains(&format!("\n{drill} ")), "{listed}");
    }
    let said = bastion.command(&["drill", "run", "rety"]);
    assert_eq!(said.status.code(), Some(2));
    assert!(text(&said.stderr).contains("there are retry, retry-after"), "{}", text(&said.stderr));
    let empty = bastion.command(&["drill", "history"]);
    assert!(text(&empty.stderr).contains("no drill was run"));
}
