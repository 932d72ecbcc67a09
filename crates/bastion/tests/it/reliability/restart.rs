//! A stream that breaks before its first content is made again whole; behind it, never.
//!
//! A test here must never compare less than all bytes: what is seen of a failed attempt is an error.

use std::sync::Arc;

use hyper::body::Bytes;
use tokio::sync::Barrier;

use super::retrying;
use crate::bastion::{Bastion, CONFIG};
use crate::client::{Answer, Client, STREAM};
use crate::hand::{Hand, Then, chunk};

const RETRY: &str = "attempts = 3\nbase = \"10ms\"\ncap = \"20ms\"\nbreaker = { failures = 1000 }";

const ROLE: &[u8] = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"first\":1}\n\n";
const CONTENT: &[u8] =
    b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Bonjour\"}}]}\n\n";
const THINKING: &[u8] =
    b"data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n";
const ERROR: &[u8] = b"data: {\"error\":{\"message\":\"leak-4712\"}}\n\n";
const NAMED_ERROR: &[u8] = b"event: error\ndata: {\"message\":\"leak-4712\"}\n\n";
const DONE: &[u8] = b"data: [DONE]\n\n";

/// What the second attempt answers, all of it: odd on purpose.
const SECOND: [&[u8]; 5] = [
    b": hello\n\n",
    b"data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\"}}],\"second\":1}\n\n",
    b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Salut\"}}],\"x\":1.50}\r\n\r\n",
    b"data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    DONE,
];

fn stream(texts: &[&[u8]]) -> Vec<Bytes> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                transfer-encoding: chunked\r\n\r\n";
    std::iter::once(Bytes::from_static(head.as_bytes()))
        .chain(texts.iter().map(|text| chunk(text)))
        .collect()
}

fn ended(texts: &[&[u8]]) -> Vec<Bytes> {
    let mut pieces = stream(texts);
    pieces.push(Bytes::from_static(b"0\r\n\r\n"));
    pieces
}

/// Streams before one upstream by hand, which plays one attempt after the other.
/// Nothing is asked before all are `up`, and nothing looked at before all are answered: gateways that
/// start, and commands that ask them, keep this thread from playing upstream.
async fn asked(
    turns: Vec<(Vec<Bytes>, Then)>,
    atomic: bool,
    up: &Barrier,
) -> (Hand, Bastion, Answer) {
    let hand = Hand::in_turn(turns).await;
    let config = CONFIG.replace("{upstream}", &format!("http://{}/v1", hand.address));
    let config = config.replace("idle = \"1s\"", "idle = \"300ms\"");
    // Many gateways are started at once: a connection may wait for its turn.
    let config = config.replace("header = \"2s\"", "header = \"1m\"");
    let bastion =
        Bastion::with(&retrying(&config.replace("event = \"2s\"", "event = \"600ms\""), RETRY));
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    let headers: &[(&str, &str)] = if atomic { &[("bastion-stream", "atomic")] } else { &[] };
    up.wait().await;
    let answer = client.post("/v1/chat/completions", headers, STREAM).await;
    up.wait().await;
    (hand, bastion, answer)
}

async fn is_the_second(first: (Vec<Bytes>, Then), atomic: bool, up: Arc<Barrier>) {
    let why = format!("{first:?}, atomic: {atomic}");
    let turns = vec![first, (ended(&SECOND), Then::Keep)];
    let (hand, bastion, answer) = asked(turns, atomic, &up).await;
    assert_eq!((answer.status, answer.text().into_bytes()), (200, SECOND.concat()), "{why}");
    assert_eq!((answer.header("bastion-attempts"), hand.received()), ("2", 2), "{why}");
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["stream"], &call["attempts"]), (&"whole".into(), &2.into()), "{why}: {call}");
    assert!(call["code"].is_null(), "{why}: {call}");
}

#[tokio::test]
async fn a_break_before_the_first_content_is_made_again_unseen() {
    let (mut all, up) = (tokio::task::JoinSet::new(), Arc::new(Barrier::new(17)));
    for then in [Then::Close, Then::Reset, Then::Stall] {
        for texts in [
            &[][..],
            &[ROLE],
            &[ROLE, b": thinks\n\n"],
            &[ROLE, b"data: {\"choices\":[{\"delta\":{\"cont"],
        ] {
            let first = (stream(texts), then);
            all.spawn(is_the_second(first, false, Arc::clone(&up)));
        }
    }
    for texts in [&[ERROR][..], &[ROLE, ERROR], &[ROLE, NAMED_ERROR], &[], &[ROLE]] {
        let first = (ended(texts), Then::Keep);
        all.spawn(is_the_second(first, false, Arc::clone(&up)));
    }
    assert_eq!(all.join_all().await.len(), 17);
}

#[tokio::test]
async fn an_atomic_stream_is_made_again_wherever_it_breaks() {
    let (mut all, up) = (tokio::task::JoinSet::new(), Arc::new(Barrier::new(5)));
    for then in [Then::Close, Then::Reset, Then::Stall] {
        let first = (stream(&[ROLE, CONTENT, CONTENT]), then);
        all.spawn(is_the_second(first, true, Arc::clone(&up)));
    }
    for texts in [&[ROLE, CONTENT][..], &[ROLE, CONTENT, ERROR, DONE]] {
        let first = (ended(texts), Then::Keep);
        all.spawn(is_the_second(first, true, Arc::clone(&up)));
    }
    assert_eq!(all.join_all().await.len(), 5);
}

/// Checks that a break behind content is told and not made again.
async fn is_interrupted(first: (Vec<Bytes>, Then), begin: Vec<u8>, up: Arc<Barrier>) {
    let why = format!("{first:?}");
    let turns = vec![first, (ended(&SECOND), Then::Keep)];
    let (hand, bastion, answer) = asked(turns, false, &up).await;
    let text = answer.text();
    assert_eq!((answer.status, answer.header("bastion-attempts")), (200, "1"), "{why}");
    assert_eq!(hand.received(), 1, "{why}: it was made again");
    let rest = text.as_bytes().strip_prefix(&begin[..]);
    let rest = rest.unwrap_or_else(|| panic!("{why}: what had come is lost: {text}"));
    let rest = String::from_utf8_lossy(rest);
    assert!(rest.starts_with("event: error\ndata: {"), "{why}: {rest}");
    assert!(rest.contains("stream_interrupted") && !text.contains("[DONE]"), "{why}: {text}");
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["stream"], &call["attempts"]), (&"interrupted".into(), &1.into()), "{call}");
}

#[tokio::test]
async fn a_break_behind_content_is_never_made_again() {
    let (mut all, up) = (tokio::task::JoinSet::new(), Arc::new(Barrier::new(5)));
    for then in [Then::Close, Then::Stall] {
        for content in [CONTENT, THINKING] {
            let first = (stream(&[ROLE, content, b"data: {\"half"]), then);
            let begin = [ROLE, content].concat();
            all.spawn(is_interrupted(first, begin, Arc::clone(&up)));
        }
    }
    let first = (ended(&[ROLE, CONTENT]), Then::Keep);
    all.spawn(is_interrupted(first, [ROLE, CONTENT].concat(), up));
    assert_eq!(all.join_all().await.len(), 5);
}

#[tokio::test]
async fn attempts_that_all_break_before_content_are_one_502() {
    let (hand, bastion, answer) =
        asked(vec![(stream(&[ROLE]), Then::Close)], false, &Barrier::new(1)).await;
    assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()));
    assert_eq!((answer.header("bastion-attempts"), hand.received()), ("3", 3));
    assert_eq!(answer.header("x-should-retry"), "false");
    assert_eq!(answer.header("content-type"), "application/json");
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["stream"], &call["attempts"]), (&"none".into(), &3.into()), "{call}");
}
