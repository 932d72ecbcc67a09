//! What the caller gets when the upstream refuses, fails, breaks off or says nothing.
//!
//! A test here must never let a second request to the upstream pass unseen: each asks its log.

mod breaker;
mod budget;
mod fallback;
mod leaving;
mod refused;
mod residency;
mod restart;
mod retry;
mod retry_after;

use std::net::SocketAddr;

use bastion_sim::{Script, SimOptions};
use hyper::body::Bytes;
use tokio::time::Instant;

use crate::bastion::{Bastion, CONFIG, LIMIT, UPSTREAM_KEY};
use crate::client::{Answer, CHAT, Client, STREAM};
use crate::hand::{Hand, Then};
use crate::scene::Scene;
use crate::streaming::before;
use crate::upstream::Upstream;

/// Stands in every bad answer of the upstream's; no caller may ever read it.
const LEAK: &str = "leak-4713";

/// The configuration that tests begin with, under these bounds of attempts.
pub(crate) fn retrying(config: &str, retry: &str) -> String {
    let one_attempt = "attempts = 1\nbreaker = { failures = 1000 }";
    assert!(config.contains(one_attempt), "{config}");
    config.replace(one_attempt, retry)
}

impl Scene {
    /// With these bounds of attempts.
    fn retrying(retry: &str) -> Scene {
        Scene::with(|config| retrying(&config, retry))
    }

    /// A figure of the metrics: the sum of all lines that begin so.
    async fn figure(&self, begin: &str) -> u64 {
        figure(&self.bastion, begin).await
    }

    /// A call to an upstream that plays this answer; it must get exactly one request.
    async fn played(&self, script: &str, body: &str) -> Answer {
        self.upstream.play(&format!("[[answer]]\n{script}\n"));
        let answer = self.client().chat(body).await;
        let received = self.upstream.log.entries();
        assert_eq!(received.len(), 1, "{script}: {received:#?}");
        assert_eq!(answer.header("bastion-attempts"), "1", "{script}");
        answer
    }

    /// Checks that an answer is our own failure: nothing of the upstream's, and no SDK tries again.
    fn failed(&self, answer: &Answer, status: u16, code: &str) {
        self.refused(answer, status, code);
        assert_eq!(answer.header("x-should-retry"), "false", "{:?}", answer.headers);
        let all = format!("{:?} {}", answer.headers, answer.text());
        assert!(!all.contains(LEAK), "{all}");
        assert_eq!(answer.header("content-type"), "application/json");
    }
}

/// A figure of a gateway's metrics: the sum of all lines that begin so.
pub(crate) async fn figure(bastion: &Bastion, begin: &str) -> u64 {
    let metrics = Client::with_text(bastion.operators, "").get("/metrics").await.text();
    let lines = metrics.lines().filter(|line| line.starts_with(begin));
    lines.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum()
}

#[tokio::test]
async fn the_upstreams_refusals_of_a_request_pass_as_they_came() {
    let scene = Scene::set();
    for (status, code) in [
        (400, "invalid_request"),
        (404, "model_not_found"),
        (408, "timeout"),
        (409, "conflict"),
        (413, "too_large"),
        (422, "unprocessable"),
    ] {
        let theirs = format!(
            "{{ \"error\":{{\"message\":\"no\",\"type\":\"x\",\"code\":\"{code}\"}},\"n\":1.50 }}"
        );
        for body in [CHAT, STREAM] {
            let answer = scene.played(&format!("status = {status}\nbody = '{theirs}'"), body).await;
            assert_eq!((answer.status, answer.text()), (status, theirs.clone()));
            let told = if matches!(status, 408 | 409) { "false" } else { "" };
            assert_eq!(answer.header("x-should-retry"), told, "{status}");
            assert_eq!(answer.header("content-type"), "application/json");
            assert!(answer.header("bastion-upstream-request-id").starts_with("sim-"));
            let call = scene.bastion.last_call(answer.header("x-request-id")).await;
            assert_eq!((&call["status"], &call["attempts"]), (&status.into(), &1.into()), "{call}");
            assert_eq!(call["stream"], "none", "{call}");
            assert!(call["code"].is_string(), "{call}");
            assert_eq!(call["usage"]["output_tokens"], 0, "a refusal is not charged: {call}");
            scene.upstream.log.clear();
        }
    }
}

#[tokio::test]
async fn a_key_in_the_upstreams_refusal_is_redacted() {
    let scene = Scene::set();
    for key in ["qbt_live_0123456789abcdef", UPSTREAM_KEY, scene.key.text.as_str()] {
        let theirs = format!("{{\"error\":{{\"message\":\"not with {key}, please\"}}}}");
        let answer = scene.played(&format!("status = 400\nbody = '{theirs}'"), CHAT).await;
        assert_eq!(answer.status, 400);
        let told = answer.json()["error"]["message"].as_str().unwrap().to_owned();
        assert!(told.starts_with("not with ") && told.ends_with(", please"), "{told}");
        assert!(!told.contains("0123456789") && !told.contains(key), "{told}");
    }
}

#[tokio::test]
async fn a_refusal_that_is_no_text_is_still_an_answer_that_a_client_can_read() {
    let body = b"{\"error\":{\"message\":\"caf\xe9\",\"code\":\"invalid_request\"}}";
    let head = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let answer = Bytes::from([head.as_bytes(), body].concat());
    let hand = Hand::answering(vec![answer], Then::Keep).await;
    let (_bastion, client) = before(&hand);
    let answer = client.chat(CHAT).await;
    assert!(matches!(answer.status, 400 | 502), "{answer:?}");
    assert!(answer.json()["error"]["code"].is_string(), "{answer:?}");
}

#[tokio::test]
async fn our_own_account_at_the_upstream_is_never_the_callers_affair() {
    let scene = Scene::set();
    for (status, ours, code) in [
        (401, 502, "upstream_credentials"),
        (403, 502, "upstream_credentials"),
        (402, 503, "upstream_funds"),
    ] {
        let theirs = format!("{{\"error\":{{\"message\":\"{LEAK}\",\"code\":\"{LEAK}\"}}}}");
        let script = format!(
            "status = {status}\nbody = '{theirs}'\nheaders = {{ www-authenticate = \"{LEAK}\" }}"
        );
        for body in [CHAT, STREAM] {
            let answer = scene.played(&script, body).await;
            scene.failed(&answer, ours, code);
            let call = scene.bastion.last_call(answer.header("x-request-id")).await;
            assert_eq!((&call["status"], &call["code"]), (&ours.into(), &code.into()), "{call}");
            assert_eq!(call["usage"]["output_tokens"], 0, "{call}");
        }
    }
}

#[tokio::test]
async fn a_wait_that_the_upstream_names_reaches_the_caller_in_whole_seconds() {
    let scene = Scene::set();
    let limited = |wait: &str| format!("status = 429\nheaders = {{ retry-after = \"{wait}\" }}");
    for wait in ["7", "0", "Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 GMT"] {
        let answer = scene.played(&limited(wait), CHAT).await;
        scene.failed(&answer, 429, "rate_limit_exceeded");
        let told: u64 = answer.header("retry-after").parse().unwrap_or_else(|_| {
            panic!("retry-after of {wait:?}: {:?}", answer.headers);
        });
        match wait {
            "7" => assert_eq!(told, 7),
            "0" => assert!(told <= 1),
            date if date.contains("2099") => assert!(told >= 3600, "{told}"),
            _ => assert!(told <= 1, "a moment that is over: {told}"),
        }
    }
    let unavailable = "status = 503\nheaders = { retry-after = \"9\" }";
    let answer = scene.played(unavailable, CHAT).await;
    scene.failed(&answer, 503, "service_unavailable");
    assert_eq!(answer.header("retry-after"), "9");
    let answer = scene.played("status = 503", STREAM).await;
    scene.failed(&answer, 503, "service_unavailable");
    assert!(answer.header("retry-after").parse::<u32>().is_ok(), "{:?}", answer.headers);
}

#[tokio::test]
async fn the_upstreams_failures_are_a_502_and_nothing_of_them_leaks() {
    let scene = Scene::set();
    let theirs = format!("body = '{{\"error\":{{\"message\":\"{LEAK}\",\"code\":\"{LEAK}\"}}}}'");
    let html =
        format!("body = \"<html>{LEAK}</html>\"\nheaders = {{ content-type = \"text/html\" }}");
    let mut scripts: Vec<String> =
        [500, 501, 502, 504, 520, 599].map(|s| format!("status = {s}\n{theirs}")).into();
    scripts.extend([200, 400, 404, 500].map(|status| format!("status = {status}\n{html}")));
    scripts.extend([
        format!("status = 404\nbody = '{{\"detail\":\"{LEAK}\"}}'"),
        theirs,
        "body = \"\"".to_owned(),
        "status = 204".to_owned(),
        format!("body = '[\"{LEAK}\"]'"),
        format!("body = '\"{LEAK}\"'"),
        format!("garbage = \"{{\\\"{LEAK}\\\": \""),
        "garbage = [123, 255, 254, 0, 125]".to_owned(),
        format!("body = '{{\"a\":1}} {LEAK}'"),
        "headers = { content-encoding = \"gzip\" }\ngarbage = [31, 139, 8, 0]\n".to_owned(),
    ]);
    for script in scripts {
        let answer = scene.played(&script, CHAT).await;
        scene.failed(&answer, 502, "upstream_error");
        let call = scene.bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!((&call["status"], &call["stream"]), (&502.into(), &"none".into()), "{script}");
        assert_eq!(call["code"], "upstream_error", "{script}: {call}");
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let scene = Scene::set();
    let elsewhere = Upstream::start();
    let target = format!("http://{}/v1/chat/completions", elsewhere.address);
    for status in [300, 301, 302, 303, 307, 308] {
        let script = format!("status = {status}\nheaders = {{ location = \"{target}\" }}");
        let answer = scene.played(&script, CHAT).await;
        scene.failed(&answer, 502, "upstream_error");
        assert_eq!(answer.header("location"), "");
    }
    assert_eq!(elsewhere.log.connections().len(), 0, "the prompt went elsewhere");
}

#[tokio::test]
async fn a_body_that_is_cut_anywhere_is_a_502_and_no_answer() {
    let scene = Scene::set();
    let client = scene.client();
    let good = client.chat(CHAT).await;
    assert_eq!(good.status, 200, "{}", good.text());
    for length in (0..good.body.len()).step_by(10) {
        let answer = scene.played(&format!("cut_after = {length}"), CHAT).await;
        scene.failed(&answer, 502, "upstream_error");
        assert!(!answer.text().contains("chatcmpl"), "cut after {length}: {}", answer.text());
    }
    // The same without an announced length: the end of the connection is no end of an answer.
    let open_ended = "cut_after = 40\ngarbage = \" \"";
    let answer = scene.played(open_ended, CHAT).await;
    scene.failed(&answer, 502, "upstream_error");
}

#[tokio::test]
async fn an_upstream_that_says_nothing_is_a_502_in_its_time() {
    let scene = Scene::set();
    for (script, body) in [
        ("delay_ms = 3600000", CHAT),
        ("delay_ms = 3600000", STREAM),
        ("stall_after = 40", CHAT),
        ("stall_after = 0", STREAM),
    ] {
        let began = Instant::now();
        let answer = scene.played(script, body).await;
        scene.failed(&answer, 502, "upstream_error");
        let took = began.elapsed();
        assert!(took.as_millis() >= 1900, "{script}: the limit is 2 s, it took {took:?}");
        let closed = |all: &[bastion_sim::LogEntry]| all.iter().all(|e| e.closed_at.is_some());
        scene.upstream.wait_for(closed).await;
        let call = scene.bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!(call["usage"]["estimated"], true, "{script}: {call}");
        assert_eq!(call["usage"]["output_tokens"], 60, "nothing came, so the bound: {call}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_a_502_and_costs_nothing() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bastion = Bastion::before(closed);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    for body in [CHAT, STREAM] {
        let answer = client.chat(body).await;
        assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()));
        assert!(!answer.text().contains(&closed.port().to_string()), "{}", answer.text());
        let call = bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!(call["usage"]["input_tokens"], 0, "{call}");
        assert_eq!(call["usage"]["output_tokens"], 0, "{call}");
        assert_eq!(call["usage"]["estimated"], false, "{call}");
    }
}

/// One thread serves all callers, so that all calls share its connections.
fn on_one_thread(upstream: SocketAddr) -> Bastion {
    let config = CONFIG.replace("{upstream}", &format!("http://{upstream}/v1"));
    Bastion::with(&config.replace("[operator]", "threads = 1\n[operator]"))
}

#[tokio::test]
async fn connections_to_the_upstream_are_used_again() {
    let upstream = Upstream::start();
    let bastion = on_one_thread(upstream.address);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    for body in [CHAT, STREAM, CHAT, STREAM] {
        assert_eq!(client.chat(body).await.status, 200);
    }
    assert_eq!(upstream.log.connections().len(), 1);
    let first = upstream.log.entries()[0].connection;
    upstream.play("[[answer]]\ncut_after = 3\n");
    assert!(client.chat(STREAM).await.text().contains("stream_interrupted"));
    upstream.play("[[answer]]\nmatch = { model = \"none\" }\n");
    assert_eq!(client.chat(CHAT).await.status, 200);
    let second = upstream.log.entries()[0].connection;
    assert_ne!(second, first, "a broken connection is not used again");
}

#[tokio::test]
async fn a_restart_of_the_upstream_is_not_the_callers_affair() {
    let upstream = Upstream::start();
    let address = upstream.address;
    let bastion = on_one_thread(address);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    assert_eq!(client.chat(CHAT).await.status, 200);
    let log = upstream.log.clone();
    drop(upstream);
    let gone = |all: &[bastion_sim::ConnectionEntry]| all.iter().all(|c| c.closed_at.is_some());
    assert!(log.wait_for_connections(gone, LIMIT).await);
    let again = Upstream::with(SimOptions { listen: address, ..SimOptions::default() });
    for body in [CHAT, STREAM] {
        let answer = client.chat(body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(again.log.entries().len(), 2);
}

#[tokio::test]
async fn an_idle_connection_that_the_upstream_closed_is_noticed() {
    let told = Script::parse("[[answer]]\nheaders = { connection = \"close\" }\n").unwrap();
    let upstream = Upstream::with(SimOptions { script: Some(told), ..SimOptions::default() });
    let bastion = on_one_thread(upstream.address);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    for _ in 0..5 {
        assert_eq!(client.chat(CHAT).await.status, 200);
    }
    let body = br#"{"choices":[]}"#;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let whole = Bytes::from([head.as_bytes(), body].concat());
    let mut hand = Hand::answering(vec![whole], Then::Close).await;
    let bastion = on_one_thread(hand.address);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    for n in 1..=10 {
        let answer = client.chat(CHAT).await;
        assert_eq!(answer.status, 200, "call {n}: {}", answer.text());
        hand.closed.wait_for(|closed| *closed == n).await.unwrap();
    }
    assert_eq!(hand.received(), 10);
}
