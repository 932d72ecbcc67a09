//! The path of a call: what goes on, what comes back, what is refused on the way.

use serde_json::{Value, json};

use crate::bastion::{Bastion, UPSTREAM_KEY};
use crate::client::Client;
use crate::upstream::Upstream;

#[tokio::test]
async fn a_call_passes_as_it_came_and_comes_back_as_it_was() {
    let upstream = Upstream::start();
    let bastion = Bastion::before(upstream.address);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    let body = r#"{ "zeta":123456789012345678901234567890, "model":"gpt-oss-20b",
        "messages":[{"role":"user","content":"h\u00e9"}], "unknown":{"b":1,"a":2.50} }"#;
    let answer = client.chat(body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = &upstream.log.entries()[0];
    assert_eq!(&*sent.body, body, "unknown fields, key order and digits pass through");
    assert_eq!(answer.header("bastion-upstream"), "simulated");
    assert_eq!(answer.header("bastion-attempts"), "1");
    assert_eq!(answer.header("bastion-region"), "CA");
    assert_eq!(answer.header("bastion-upstream-request-id"), "sim-1");
}

#[tokio::test]
async fn a_renamed_model_changes_those_bytes_only() {
    let upstream = Upstream::start();
    let bastion = Bastion::before(upstream.address);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    let answer = client
        .chat(r#"{"a":1,"model":"renamed","messages":[{"role":"user","content":"x"}],"z":2.0}"#)
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = upstream.log.entries()[0].body.clone();
    assert_eq!(
        &*sent,
        r#"{"a":1,"model":"Qwen3-32B","messages":[{"role":"user","content":"x"}],"z":2.0}"#
    );
}

#[tokio::test]
async fn only_the_listed_headers_go_on() {
    let upstream = Upstream::start();
    let bastion = Bastion::before(upstream.address);
    let key = bastion.key("dev", &[]);
    let client = Client::new(bastion.callers, &key);
    let headers = [
        ("cookie", "a=b"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-api-key", &key.text),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        ("openai-beta", "x=1"),
        ("accept-encoding", "gzip"),
    ];
    let body = r#"{"model":"gpt-oss-20b","messages":[{"role":"user","content":"x"}]}"#;
    let answer = client.post("/v1/chat/completions", &headers, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let sent = upstream.log.entries()[0].headers.clone();
    let names: Vec<&String> = sent.keys().collect();
    let expect = [
        "accept-encoding",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "openai-beta",
        "traceparent",
        "user-agent",
    ];
    assert_eq!(names, expect);
    assert_eq!(sent["accept-encoding"], "identity");
    assert!(!format!("{sent:?}").contains(&key.text));
}

#[tokio::test]
async fn a_stream_arrives_frame_by_frame_and_is_recorded_with_its_usage() {
    let upstream = Upstream::start();
    let bastion = Bastion::before(upstream.address);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    let body = json!({"model": "gpt-oss-20b", "messages": [{"role": "user", "content": "x"}], "stream": true,
        "stream_options": {"include_usage": true}, "user": "u-1"});
    let answer = client.chat(&body.to_string()).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("cache-control"), "no-cache, no-transform");
    assert_eq!(answer.header("x-accel-buffering"), "no");
    let text = answer.text();
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    let usage = text.lines().rev().find(|line| line.contains("\"usage\":{")).unwrap();
    let usage: Value = serde_json::from_str(usage.strip_prefix("data: ").unwrap()).unwrap();
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["usage"]["output_tokens"], usage["usage"]["completion_tokens"]);
    assert_eq!(call["usage"]["input_tokens"], usage["usage"]["prompt_tokens"]);
    assert_eq!(call["usage"]["estimated"], false);
    assert_eq!((&call["stream"], &call["user"]), (&json!("whole"), &json!("u-1")));
    assert_eq!((&call["status"], &call["code"]), (&json!(200), &Value::Null));
    assert_eq!((&call["upstream"], &call["region"]), (&json!("simulated"), &json!("CA")));
}

#[tokio::test]
async fn no_key_of_ours_or_of_the_upstream_is_logged() {
    let upstream = Upstream::start();
    let bastion = Bastion::before(upstream.address);
    let key = bastion.key("dev", &[]);
    let client = Client::new(bastion.callers, &key);
    client.chat(r#"{"model":"gpt-oss-20b","messages":[{"role":"user","content":"x"}]}"#).await;
    client.chat(&format!(r#"{{"model":"{}","messages":[]}}"#, key.text)).await;
    Client::with_text(bastion.callers, &format!("{}x", key.text)).get("/v1/models").await;
    let metrics = Client::with_text(bastion.operators, "").get("/metrics").await.text();
    bastion.signal("TERM");
    bastion.log.wait_for("drained");
    for text in [bastion.log.text(), metrics] {
        assert!(!text.is_empty());
        for secret in [&key.text, UPSTREAM_KEY, &bastion.token()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
