//! Drills that are ended before their time, in every way: nothing goes on, and the record says so.
//!
//! It must never end a process but by its own id.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::config;
use crate::bastion::{Bastion, LIMIT, command};
use crate::client::Client;
use crate::upstream::Upstream;

/// A drill under this policy takes more than a minute, most likely.
const LONG: &str = "attempts = 10\nbase = \"20s\"\ncap = \"20s\"\ntotal = \"1h\"";

fn deployment(upstream: &Upstream) -> Bastion {
    Bastion::with(&config(upstream, LONG))
}

fn operators(bastion: &Bastion) -> Client {
    Client::with_text(bastion.operators, &bastion.token())
}

/// The newest run, once `is` holds for it.
async fn run_when(bastion: &Bastion, is: impl Fn(&Value) -> bool) -> Value {
    let operators = operators(bastion);
    let mut last = Value::Null;
    let find = async {
        loop {
            let page = operators.get("/admin/v1/drills/runs?limit=1").await.json();
            last = page["data"][0].clone();
            if !last.is_null() && is(&last) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(LIMIT, find).await.is_ok();
    assert!(found, "the run stays so: {last:#}");
    last
}

/// Once the drill is at its first call.
async fn at_work(bastion: &Bastion) {
    let begun = |run: &Value| run["progress"].as_str().is_some_and(|at| at.starts_with("call 1"));
    run_when(bastion, begun).await;
}

async fn interrupted(bastion: &Bastion, why: &str) {
    let run = run_when(bastion, |run| run["outcome"] != "running").await;
    assert_eq!(run["outcome"], "interrupted", "{run:#}");
    assert!(run["reason"].as_str().unwrap().contains(why), "{run:#}");
    let list = operators(bastion).get("/admin/v1/drills").await.json();
    assert_eq!(list["running"], Value::Null, "nothing runs on");
}

fn drilling(bastion: &Bastion) -> Child {
    let server = format!("http://{}", bastion.operators);
    let mut drill: Command = command(bastion.folder());
    drill.args(["drill", "run", "retry", "--env", "prod", "--server", &server]);
    drill.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

async fn start(bastion: &Bastion) -> Value {
    let wish = json!({ "drill": "retry", "environment": "prod" });
    let begun = operators(bastion).post("/admin/v1/drills", &[], wish.to_string()).await;
    assert_eq!(begun.status, 202, "{}", begun.text());
    begun.json()
}

#[tokio::test]
async fn ctrl_c_ends_the_drill_with_the_command() {
    let upstream = Upstream::start();
    let bastion = deployment(&upstream);
    let mut drill = drilling(&bastion);
    at_work(&bastion).await;
    let mut kill = Command::new("kill");
    assert!(kill.arg("-INT").arg(drill.id().to_string()).status().unwrap().success());
    let ended = tokio::task::spawn_blocking(move || drill.wait().unwrap()).await.unwrap();
    assert_eq!(ended.code(), Some(1), "a drill that was cut is no pass");
    interrupted(&bastion, "it was stopped").await;
}

#[tokio::test]
async fn a_killed_command_takes_its_drill_with_it() {
    let upstream = Upstream::start();
    let bastion = deployment(&upstream);
    let mut drill = drilling(&bastion);
    at_work(&bastion).await;
    drill.kill().unwrap();
    drill.wait().unwrap();
    // Asking for the list of runs is not waiting for this one.
    interrupted(&bastion, "whoever started it went away").await;
}

#[tokio::test]
async fn a_second_drill_is_told_who_runs() {
    let upstream = Upstream::start();
    let bastion = deployment(&upstream);
    let run = start(&bastion).await;
    let said = bastion.command(&["drill", "run", "cancel", "--env", "dev"]);
    assert_eq!(said.status.code(), Some(1));
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(error.contains("'retry' runs already for prod"), "{error}");
    let stop = format!("/admin/v1/drills/runs/{}/stop", run["id"].as_str().unwrap());
    operators(&bastion).post(&stop, &[], "").await;
    interrupted(&bastion, "it was stopped").await;
}

#[tokio::test]
async fn a_server_that_drains_ends_its_drill_first() {
    let upstream = Upstream::start();
    let mut bastion = deployment(&upstream);
    start(&bastion).await;
    at_work(&bastion).await;
    bastion.signal("TERM");
    assert_eq!(bastion.wait(), Some(0), "{}", bastion.log.text());
    let bastion = Bastion::start(bastion.into_folder(), |_| {});
    interrupted(&bastion, "was shut down").await;
}

/// Whoever takes the file knows that nobody else is at the drill. On PostgreSQL another process
/// may be, until the drill is overdue: the store's tests show that with a clock of their own.
mod sqlite_only {
    use super::*;

    #[tokio::test]
    async fn a_killed_server_leaves_an_honest_record() {
        let upstream = Upstream::start();
        let mut bastion = deployment(&upstream);
        start(&bastion).await;
        at_work(&bastion).await;
        bastion.signal("KILL");
        bastion.wait();
        let bastion = Bastion::start(bastion.into_folder(), |_| {});
        interrupted(&bastion, "the process that ran it ended before the drill did").await;
    }
}
