//! Begin and end of a process: a drain, a kill, what is kept, what the operators see.
//!
//! It must never end a process but by its own id.

use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::bastion::{Bastion, UPSTREAM_KEY};
use crate::client::{CHAT, Client};
use crate::upstream::Upstream;

#[tokio::test]
async fn a_drain_lets_a_running_stream_end_whole_and_takes_no_more() {
    let upstream = Upstream::start();
    let mut bastion = Bastion::before(upstream.address);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    upstream.play("[[answer]]\ngap_ms = 20\nevents = ['{}','{}','{}','{}','{}','[DONE]']\n");
    let stream = client.open_stream().await;
    bastion.signal("TERM");
    bastion.log.wait_for("draining");
    let body = stream.into_body().collect().await.unwrap().to_bytes();
    assert!(body.ends_with(b"data: [DONE]\n\n"), "{body:?}");
    assert_eq!(bastion.wait(), Some(0), "{}", bastion.log.text());
    let refused = client.try_chat(CHAT).await;
    assert!(refused.is_err(), "{refused:?}");
}

#[tokio::test]
async fn a_drain_cuts_at_its_deadline_and_still_ends_well() {
    let upstream = Upstream::start();
    let config = crate::bastion::CONFIG.replace("drain = \"5s\"", "drain = \"300ms\"");
    let config = config.replace("idle = \"1s\"", "idle = \"1h\"");
    let url = format!("http://{}/v1", upstream.address);
    let mut bastion = Bastion::with(&config.replace("{upstream}", &url));
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    upstream.play("[[answer]]\nstall_after = 2\n");
    let stream = client.open_stream().await;
    let id = stream.headers()["x-request-id"].to_str().unwrap().to_owned();
    bastion.signal("INT");
    assert_eq!(bastion.wait(), Some(0), "{}", bastion.log.text());
    bastion.log.wait_for("what still runs is cut");
    assert!(stream.into_body().collect().await.is_err(), "a cut never looks like an end");
    // What was cut has its record, with what was used until then.
    let bastion = Bastion::start(bastion.into_folder(), |_| {});
    let call = bastion.last_call(&id).await;
    assert_eq!((&call["stream"], &call["usage"]["estimated"]), (&"cancelled".into(), &true.into()));
}

#[tokio::test]
async fn keys_calls_and_last_use_outlive_a_drain_and_keys_a_kill() {
    let upstream = Upstream::start();
    let mut bastion = Bastion::before(upstream.address);
    let key = bastion.key("prod", &[]);
    let client = Client::new(bastion.callers, &key);
    let answer = client.chat(CHAT).await;
    let id = answer.header("x-request-id").to_owned();
    bastion.signal("TERM");
    assert_eq!(bastion.wait(), Some(0));

    let bastion = Bastion::start(bastion.into_folder(), |_| {});
    assert_eq!(bastion.last_call(&id).await["status"], 200);
    let shown = bastion.command(&["keys", "show", &key.id, "--json"]);
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert!(shown["last_used_at"].is_string(), "{shown}");
    bastion.signal("KILL");

    let bastion = Bastion::start(bastion.into_folder(), |_| {});
    let client = Client::new(bastion.callers, &key);
    assert_eq!(client.chat(CHAT).await.status, 200, "the key is still known");
}

#[tokio::test]
async fn the_two_planes_do_not_serve_each_others_paths() {
    let upstream = Upstream::start();
    let bastion = Bastion::before(upstream.address);
    let key = bastion.key("dev", &[]);
    let token = bastion.token();
    let callers = Client::new(bastion.callers, &key);
    let operators = Client::with_text(bastion.operators, &token);
    assert_eq!(callers.get("/healthz").await.text(), "ok");
    assert_eq!(callers.get("/readyz").await.status, 200);
    assert_eq!(callers.get("/admin/v1/keys").await.refusal().0, 404);
    assert_eq!(callers.get("/metrics").await.refusal().0, 404);
    assert_eq!(operators.get("/v1/models").await.status, 404);
    let stranger = Client::with_text(bastion.operators, &key.text);
    assert_eq!(stranger.get("/admin/v1/keys").await.status, 401);
    let config = operators.get("/admin/v1/config").await;
    assert_eq!(config.status, 200);
    assert!(!config.text().contains(UPSTREAM_KEY) && config.text().contains("env:IT_UPSTREAM_KEY"));
}

#[tokio::test]
async fn a_recorded_call_has_the_fields_that_programs_rely_on() {
    let upstream = Upstream::start();
    let bastion = Bastion::before(upstream.address);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    let id = client.chat(CHAT).await.header("x-request-id").to_owned();
    let call = bastion.last_call(&id).await;
    let mut fields: Vec<&String> = call.as_object().unwrap().keys().collect();
    fields.sort();
    let expect = [
        "at",
        "attempt_charges",
        "attempts",
        "code",
        "cost",
        "ended_empty",
        "endpoint",
        "environment",
        "first_event_ms",
        "id",
        "key_id",
        "latency_ms",
        "model",
        "observed",
        "region",
        "service",
        "status",
        "stream",
        "surface",
        "upstream",
        "usage",
        "user",
    ];
    assert_eq!(fields, expect);
    let usage = call["usage"].as_object().unwrap();
    assert_eq!(usage.len(), 10, "{usage:?}");
    assert_eq!(call["stream"], json!("none"));
    let metrics = Client::with_text(bastion.operators, "").get("/metrics").await.text();
    let counted = "bastion_calls_total{endpoint=\"chat_completions\",environment=\"dev\",\
                   model=\"gpt-oss-20b\",status=\"200\",code=\"none\",stream=\"none\"} 1";
    assert!(metrics.contains(counted), "{metrics}");
}
