//! Begin and end of a process: a drain, a kill, what is kept, what the operators see.
//!
//! It must never end a process but by its own id.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bastion::{Bastion, LIMIT, UPSTREAM_KEY};
use crate::client::{CHAT, Client, STREAM};
use crate::hand::{Hand, Then};
use crate::upstream::Upstream;

#[tokio::test]
async fn a_drain_lets_a_running_stream_end_whole_and_takes_no_more() {
    let upstream = Upstream::start();
    let mut bastion = Bastion::before(upstream.address);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    upstream.play("[[answer]]\ngap_ms = 150\nevents = ['{}','{}','{}','{}','{}','[DONE]']\n");
    let stream = client.open_stream().await;
    bastion.signal("TERM");
    bastion.log.wait_for("draining");
    let refused = client.try_chat(CHAT).await;
    assert!(refused.is_err(), "while the stream still runs: {refused:?}");
    let body = stream.into_body().collect().await.unwrap().to_bytes();
    assert!(body.ends_with(b"data: [DONE]\n\n"), "{body:?}");
    assert_eq!(bastion.wait(), Some(0), "{}", bastion.log.text());
}

/// A gateway whose drain is over soon, and whose upstream may take an hour.
fn hurried(upstream: &Upstream) -> Bastion {
    let config = crate::bastion::CONFIG
        .replace("drain = \"5s\"", "drain = \"300ms\"")
        .replace("first_event = \"2s\", idle = \"1s\", answer = \"2s\"", HOURS)
        .replace("attempts = 1\n", "attempts = 3\ncap = \"2h\"\ntotal = \"2h\"\n")
        .replace("{upstream}", &format!("http://{}/v1", upstream.address));
    Bastion::with(&config)
}

const HOURS: &str = "first_event = \"1h\", idle = \"1h\", answer = \"1h\"";

/// Ends the gateway, which has calls that do not end by themselves; the next one in its folder.
fn ended(mut bastion: Bastion, signal: &str) -> Bastion {
    bastion.signal(signal);
    assert_eq!(bastion.wait(), Some(0), "{}", bastion.log.text());
    bastion.log.wait_for("what still runs is ended");
    let log = bastion.log.text();
    assert!(!log.contains("did not come to its end"), "{log}");
    Bastion::start(bastion.into_folder(), |_| {})
}

#[tokio::test]
async fn a_stream_that_a_drain_ends_says_so_and_is_recorded_so() {
    let upstream = Upstream::start();
    let bastion = hurried(&upstream);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    upstream.play("[[answer]]\nstall_after = 2\n");
    let stream = client.open_stream().await;
    let id = stream.headers()["x-request-id"].to_str().unwrap().to_owned();
    let bastion = ended(bastion, "INT");
    let body = stream.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    let told = "this gateway was shut down before the call ended";
    assert!(text.contains("event: error") && text.contains(told), "{text}");
    assert!(text.contains("\"code\":\"service_unavailable\""), "{text}");
    assert!(!text.contains("[DONE]"), "{text}");
    // It has its record, with what was used until then, and nobody is said to have left.
    let call = bastion.last_call(&id).await;
    let told = json!([call["stream"], call["code"], call["usage"]["estimated"]]);
    assert_eq!(told, json!(["interrupted", "service_unavailable", true]));
}

#[tokio::test]
async fn calls_without_an_answer_are_told_that_the_gateway_ended() {
    let upstream = Upstream::start();
    let bastion = hurried(&upstream);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    // One waits for its answer; one, that begins later, for its next attempt.
    upstream.play(
        "[[answer]]\ntimes = 1\ndelay_ms = 3600000\n\
         [[answer]]\nstatus = 429\nheaders = { retry-after = \"3600\" }\n",
    );
    let first = client.attempt(CHAT);
    let second = async {
        upstream.wait_for(|log| log.len() == 1).await;
        client.attempt(STREAM).await
    };
    let end = async {
        upstream.wait_for(|log| log.len() == 2).await;
        tokio::task::spawn_blocking(|| ended(bastion, "TERM")).await.unwrap()
    };
    let (first, second, bastion) = tokio::join!(first, second, end);
    for (answer, is_estimated) in [(first.unwrap(), true), (second.unwrap(), false)] {
        assert_eq!(answer.refusal(), (503, "service_unavailable".to_owned()));
        assert!(answer.text().contains("was shut down before the call ended"), "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(answer.header("bastion-attempts"), "1");
        let call = bastion.last_call(answer.header("x-request-id")).await;
        let told = json!([call["status"], call["code"], call["usage"]["estimated"]]);
        assert_eq!(told, json!([503, "service_unavailable", is_estimated]));
    }
}

/// So many connections fill a thread.
const ON_A_THREAD: usize = 64;

#[tokio::test]
async fn all_threads_drain_at_once() {
    let upstream = Upstream::start();
    let config = crate::bastion::CONFIG
        .replace("[server]\n", "[server]\nthreads = 4\n")
        .replace("drain = \"5s\"", "drain = \"2s\"")
        .replace("idle = \"1s\"", "idle = \"1h\"")
        .replace("{upstream}", &format!("http://{}/v1", upstream.address));
    let mut bastion = Bastion::with(&config);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    upstream.play("[[answer]]\nstall_after = 2\n");
    // One on each of the four, and connections between them that fill the one before.
    let (mut streams, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        streams.push(client.open_stream().await);
        for _ in 1..ON_A_THREAD {
            idle.push(TcpStream::connect(bastion.callers).await.unwrap());
        }
    }
    let began = tokio::time::Instant::now();
    bastion.signal("TERM");
    assert_eq!(bastion.wait(), Some(0), "{}", bastion.log.text());
    let ended = bastion.log.text().matches("what still runs is ended").count();
    assert!(ended > 1, "all of it was on one thread");
    // One after the other it would be four times the deadline.
    assert!(began.elapsed() < Duration::from_secs(7), "{:?}", began.elapsed());
}

#[tokio::test]
async fn calls_before_their_hold_are_told_as_well() {
    let upstream = Upstream::start();
    let config = crate::bastion::CONFIG
        .replace("drain = \"5s\"", "drain = \"300ms\"")
        .replace("body = \"2s\"", "body = \"1h\"")
        .replace("{upstream}", &format!("http://{}/v1", upstream.address));
    let bastion = Bastion::with(&config);
    let key = bastion.key("dev", &[]);
    let mut stream = TcpStream::connect(bastion.callers).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-length: 1000\r\n\r\n{{",
        key.text
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let operators = Client::with_text(bastion.operators, "");
    let runs = async {
        while !operators.get("/metrics").await.text().contains("bastion_calls_in_flight 1") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, runs).await.unwrap();
    let bastion = tokio::task::spawn_blocking(|| ended(bastion, "TERM")).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("was shut down"), "{answer}");
    let call = bastion.call_with_code("service_unavailable").await;
    assert_eq!((&call["status"], &call["attempts"]), (&503.into(), &0.into()), "{call}");
}

#[tokio::test]
async fn who_does_not_take_the_last_word_is_cut_off() {
    let frame = [b"data: ", &vec![b'x'; 32 * 1024][..], b"\n\n"].concat();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let mut pieces = vec![Bytes::from(frame); 1024];
    pieces.insert(0, Bytes::from_static(head.as_bytes()));
    let hand = Hand::answering(pieces, Then::Close).await;
    let config = crate::bastion::CONFIG
        .replace("drain = \"5s\"", "drain = \"300ms\"")
        .replace("{upstream}", &format!("http://{}/v1", hand.address));
    let bastion = Bastion::with(&config);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    // Nobody reads its body, until it is too late.
    let stream = client.open_stream().await;
    let id = stream.headers()["x-request-id"].to_str().unwrap().to_owned();
    hand.stuck().await;
    let bastion = tokio::task::spawn_blocking(|| ended(bastion, "TERM")).await.unwrap();
    assert!(stream.into_body().collect().await.is_err(), "a cut never looks like an end");
    let call = bastion.last_call(&id).await;
    assert_eq!(json!([call["stream"], call["code"]]), json!(["cancelled", "caller_left"]));
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
    let health = callers.get("/healthz").await;
    assert_eq!(health.text(), "ok");
    assert!(health.header("x-request-id").starts_with("req_"), "{:?}", health.headers);
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
