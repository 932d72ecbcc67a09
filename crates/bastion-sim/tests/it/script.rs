//! Every field of a script, as a client meets it.
//!
//! A cut must never look like an end.

use std::time::Duration;

use bastion_sim::{Outcome, Script};

use crate::client::{CHAT, End, KEY, PLAIN, STREAM, begin, chat, get, read_until, send};
use crate::upstream::{SOON, Upstream};

#[tokio::test]
async fn a_cut_stream_has_no_last_chunk() {
    let upstream = Upstream::scripted("[[answer]]\ncut_after = 3\n");
    let whole = Upstream::seeded(1);
    let (cut, whole) = (chat(upstream.address, STREAM).await, chat(whole.address, STREAM).await);
    assert_eq!((cut.status, cut.end), (200, End::Torn));
    assert_eq!(cut.events(), whole.events()[..3]);
    let entry = &upstream.log.entries()[0];
    assert_eq!((entry.events_sent, entry.outcome), (3, Some(Outcome::Cut)));
    assert!(entry.closed_at.is_some());
}

#[tokio::test]
async fn a_cut_before_the_first_event_still_sends_the_head() {
    let upstream = Upstream::scripted("[[answer]]\ncut_after = 0\n");
    for body in [STREAM, PLAIN] {
        let cut = chat(upstream.address, body).await;
        assert_eq!((cut.status, cut.end, cut.body.len()), (200, End::Torn, 0));
    }
}

#[tokio::test]
async fn a_cut_body_is_shorter_than_its_length() {
    let upstream = Upstream::scripted("[[answer]]\ncut_after = 10\n");
    let cut = chat(upstream.address, PLAIN).await;
    assert_eq!((cut.status, cut.end, cut.body.len()), (200, End::Torn, 10));
    assert!(cut.header("content-length").unwrap().parse::<usize>().unwrap() > 10);
}

#[tokio::test]
async fn a_stall_lasts_until_the_peer_leaves_and_the_log_says_so() {
    let upstream = Upstream::scripted("[[answer]]\nstall_after = 2\n");
    let mut socket = begin(upstream.address, "POST", CHAT, Some(KEY), STREAM.as_bytes()).await;
    read_until(&mut socket, "\"content\":\"This \"").await;
    let stalled = |entry: &bastion_sim::LogEntry| entry.outcome == Some(Outcome::Stalled);
    assert!(upstream.log.wait_for(|all| all.iter().any(stalled), SOON).await);
    assert!(upstream.log.entries()[0].closed_at.is_none());
    let left = upstream.log.entries()[0].at;
    drop(socket);
    let closed = |entry: &bastion_sim::LogEntry| entry.outcome == Some(Outcome::ClosedByPeer);
    assert!(upstream.log.wait_for(|all| all.iter().any(closed), SOON).await);
    let entry = &upstream.log.entries()[0];
    assert!(entry.closed_at.unwrap() > left);
    assert_eq!(entry.events_sent, 2);
}

#[tokio::test]
async fn a_stalled_body_and_a_delay_see_the_peer_leave() {
    let upstream = Upstream::scripted(
        "[[answer]]\nmatch = { nth = 1 }\nstall_after = 5\n[[answer]]\ndelay_ms = 3600000\n",
    );
    for _ in 0..2 {
        let socket = begin(upstream.address, "POST", CHAT, Some(KEY), PLAIN.as_bytes()).await;
        let received = |entry: &bastion_sim::LogEntry| entry.body_bytes > 0;
        assert!(upstream.log.wait_for(|all| all.last().is_some_and(received), SOON).await);
        drop(socket);
        let closed = |entry: &bastion_sim::LogEntry| entry.outcome == Some(Outcome::ClosedByPeer);
        assert!(upstream.log.wait_for(|all| all.iter().all(closed), SOON).await);
        upstream.log.clear();
    }
}

#[tokio::test]
async fn a_drain_ends_stalls_and_waits() {
    let upstream = Upstream::scripted(
        "[[answer]]\nmatch = { nth = 1 }\nstall_after = 2\n[[answer]]\ndelay_ms = 3600000\n",
    );
    let log = upstream.log.clone();
    let stalled = begin(upstream.address, "POST", CHAT, Some(KEY), STREAM.as_bytes()).await;
    assert!(log.wait_for(|all| all.iter().any(|one| one.events_sent == 2), SOON).await);
    let delayed = begin(upstream.address, "POST", CHAT, Some(KEY), STREAM.as_bytes()).await;
    assert!(log.wait_for(|all| all.len() == 2 && all[1].body_bytes > 0, SOON).await);
    upstream.drained().await;
    let outcomes: Vec<_> = log.entries().iter().map(|entry| entry.outcome).collect();
    assert_eq!(outcomes, [Some(Outcome::Stalled), Some(Outcome::Whole)]);
    drop((stalled, delayed));
}

#[tokio::test]
async fn status_headers_and_body_are_sent_as_written() {
    let upstream = Upstream::scripted(
        r#"
        [[answer]]
        match = { endpoint = "chat_completions", model = "Qwen3-32B", nth = 1 }
        status = 429
        headers = { retry-after = 7, "Content-Type" = "text/html" }
        body = "<p>slow down</p>"
        [[answer]]
        match = { nth = 2 }
        body = { error = { message = "table", n = 1 } }
        [[answer]]
        match = { nth = 3 }
        status = 503
        [[answer]]
        match = { nth = 4 }
        status = 307
        headers = { location = "http://elsewhere.invalid/" }
        [[answer]]
        match = { endpoint = "/v1/responses" }
        status = 502
        "#,
    );
    let first = chat(upstream.address, PLAIN).await;
    assert_eq!((first.status, first.text(), first.end), (429, "<p>slow down</p>", End::Clean));
    assert_eq!(first.header("retry-after"), Some("7"));
    assert_eq!(first.header("content-type"), Some("text/html"));
    assert_eq!(first.header("x-simulated"), Some("true"));
    let second = chat(upstream.address, STREAM).await;
    assert_eq!(second.json()["error"]["n"], 1);
    assert_eq!(second.header("content-type"), Some("application/json"));
    let third = chat(upstream.address, PLAIN).await;
    assert_eq!((third.status, third.code().as_str()), (503, "service_unavailable"));
    let fourth = chat(upstream.address, PLAIN).await;
    assert_eq!((fourth.status, fourth.body.len(), fourth.end), (307, 0, End::Clean));
    assert_eq!(fourth.header("location"), Some("http://elsewhere.invalid/"));
    assert_eq!(chat(upstream.address, PLAIN).await.status, 200, "no answer is left");
    let responses = send(upstream.address, "POST", "/v1/responses", None, b"{}").await;
    assert_eq!((responses.status, responses.code().as_str()), (502, "upstream_error"));
}

#[tokio::test]
async fn events_stand_in_for_the_generated_ones() {
    let upstream = Upstream::scripted(
        r#"
        [[answer]]
        times = 1
        events = ['{"a":1}', "two\nlines", { event = "error", data = { code = "x" } }, "[DONE]"]
        gap_ms = 5
        "#,
    );
    let began = tokio::time::Instant::now();
    let reply = chat(upstream.address, STREAM).await;
    assert_eq!(
        reply.text(),
        "data: {\"a\":1}\n\ndata: two\ndata: lines\n\nevent: error\ndata: {\"code\":\"x\"}\n\ndata: [DONE]\n\n"
    );
    assert_eq!(reply.end, End::Clean);
    assert!(began.elapsed() >= Duration::from_millis(15), "three gaps");
    assert_eq!(upstream.log.entries()[0].events_sent, 4);
    assert!(chat(upstream.address, STREAM).await.text().contains("simulated"), "times = 1");
}

#[tokio::test]
async fn garbage_comes_at_its_place() {
    let upstream = Upstream::scripted(
        r#"
        [[answer]]
        match = { nth = 1 }
        garbage = "<html>"
        [[answer]]
        match = { nth = 2 }
        cut_after = 1
        garbage = [255, 0, 10]
        [[answer]]
        match = { nth = 3 }
        events = ["a"]
        garbage = "data: half"
        [[answer]]
        match = { nth = 4 }
        body = "{}"
        garbage = "}"
        "#,
    );
    let all = chat(upstream.address, STREAM).await;
    assert_eq!((all.status, all.text(), all.end), (200, "<html>", End::Clean));
    assert_eq!(all.header("content-type"), Some("text/event-stream"));
    let cut = chat(upstream.address, STREAM).await;
    assert!(cut.body.starts_with(b"data: {") && cut.body.ends_with(b"\n\n\xff\0\n"));
    assert_eq!(cut.end, End::Torn);
    let tail = chat(upstream.address, STREAM).await;
    assert_eq!((tail.text(), tail.end), ("data: a\n\ndata: half", End::Clean));
    let body = chat(upstream.address, PLAIN).await;
    assert_eq!((body.text(), body.end), ("{}}", End::Clean));
}

#[tokio::test]
async fn a_delay_alone_leaves_the_generated_answer() {
    let upstream = Upstream::scripted("[[answer]]\ndelay_ms = 20\n");
    let plain = Upstream::seeded(1);
    let began = tokio::time::Instant::now();
    let delayed = chat(upstream.address, PLAIN).await;
    assert!(began.elapsed() >= Duration::from_millis(20));
    assert_eq!(delayed.body, chat(plain.address, PLAIN).await.body);
    let refused = send(upstream.address, "POST", CHAT, None, PLAIN.as_bytes()).await;
    assert_eq!(refused.status, 401, "so is the key still asked for");
}

#[tokio::test]
async fn a_script_can_be_changed_while_it_runs() {
    let upstream = Upstream::scripted("[[answer]]\nstatus = 500\n");
    assert_eq!(get(upstream.address, "/v1/models").await.status, 500);
    upstream.controls.set_script(Some(Script::parse("[[answer]]\nstatus = 502\n").unwrap()));
    assert_eq!(get(upstream.address, "/v1/models").await.status, 502);
    upstream.controls.set_script(None);
    assert_eq!(get(upstream.address, "/v1/models").await.status, 200);
}
