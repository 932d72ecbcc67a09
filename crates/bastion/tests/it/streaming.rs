//! Streams: whole frames as they came, cuts that never look like an end, callers who leave.
//!
//! A test here must never take a stream's status for its end: it reads the last frame and the record.

mod atomic;
mod frames;
mod heartbeat;
mod slow;
mod stage;
mod start_up;
mod stop;
mod usage;
mod weight;

use std::time::Duration;

use bastion_sim::{LogEntry, Outcome};
use hyper::body::Bytes;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::Instant;

use crate::bastion::Bastion;
use crate::client::{Answer, CHAT, Client, STREAM, piece, whole};
use crate::hand::{Hand, Then, chunk};
use crate::scene::Scene;

const DONE: &str = "data: [DONE]\n\n";

/// What a bound adds to the bytes of a prompt.
const TEMPLATE_TOKENS: usize = 64;

/// A gateway before an upstream that is written by hand, and a caller of it.
pub(crate) fn before(hand: &Hand) -> (Bastion, Client) {
    let bastion = Bastion::before(hand.address);
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    (bastion, client)
}

/// Checks that this stream ended as a broken one should, and gives what came before its end.
async fn interrupted(bastion: &Bastion, answer: &Answer) -> String {
    let text = answer.text();
    assert_eq!(answer.status, 200, "{text}");
    let (before, last) = text.rsplit_once("event: error\ndata: ").expect("no error event");
    assert!(before.is_empty() || before.ends_with("\n\n"), "not between frames: {text}");
    let told: Value = serde_json::from_str(last.strip_suffix("\n\n").unwrap()).unwrap();
    let id = answer.header("x-request-id");
    for shape in [&told, &told["error"]] {
        assert_eq!(shape["code"], "stream_interrupted", "{told}");
        assert_eq!(shape["type"], "api_error", "{told}");
        assert!(shape["message"].as_str().unwrap().contains(id), "{told}");
    }
    assert!(!text.contains("[DONE]"), "a cut looks like an end: {text}");
    let call = bastion.last_call(id).await;
    assert_eq!((&call["stream"], &call["code"]), (&"interrupted".into(), &told["code"]), "{call}");
    assert_eq!((&call["status"], &call["attempts"]), (&200.into(), &1.into()), "{call}");
    assert_eq!(call["usage"]["estimated"], true, "{call}");
    before.to_owned()
}

fn is(outcome: Outcome) -> impl Fn(&[LogEntry]) -> bool {
    move |all| all.iter().any(|entry| entry.outcome == Some(outcome))
}

#[tokio::test]
async fn a_cut_or_a_stall_ends_with_an_error_event_and_no_done() {
    let scene = Scene::set();
    let client = scene.client();
    let good = client.chat(STREAM).await.text();
    assert!(good.ends_with(DONE), "{good}");
    for script in [
        "cut_after = 2",
        "cut_after = 7",
        "cut_after = 3\ngarbage = \"data: {\\\"half\"",
        "stall_after = 2",
        "stall_after = 3\ngarbage = \"data: {\\\"half\\\":1}\\n\"",
    ] {
        scene.upstream.play(&format!("[[answer]]\n{script}\n"));
        let answer = client.chat(STREAM).await;
        let events = scene.upstream.log.entries()[0].events_sent;
        let before = interrupted(&scene.bastion, &answer).await;
        assert!(good.starts_with(&before), "{script}: {before}");
        assert_eq!(before.matches("\n\n").count() as u64, events, "{script}: {before}");
        let upstream = scene.upstream.log.entries();
        assert_eq!(upstream.len(), 1, "{script} was sent again: {upstream:#?}");
        let closed = |all: &[LogEntry]| all.iter().all(|entry| entry.closed_at.is_some());
        scene.upstream.wait_for(closed).await;
    }
}

#[tokio::test]
async fn a_body_that_ends_without_its_terminal_event_is_an_interrupted_one() {
    let scene = Scene::set();
    let client = scene.client();
    for events in [r#"["{}"]"#, r#"["{}", "[DONE"]"#, r#"["\"[DONE]\""]"#, r#"["[DONE] "]"#] {
        scene.upstream.play(&format!("[[answer]]\nevents = {events}\n"));
        let text = client.chat(STREAM).await.text();
        assert!(text.contains("event: error\n"), "{events}: {text}");
    }
    let unfinished = Hand::streaming([&b"data: {}\n\ndata: [DONE]"[..]]).await;
    let (bastion, client) = before(&unfinished);
    assert_eq!(interrupted(&bastion, &client.chat(STREAM).await).await, "data: {}\n\n");
}

#[tokio::test]
async fn a_stream_that_fails_before_its_content_is_a_502() {
    let scene = Scene::set();
    let client = scene.client();
    for script in [
        "cut_after = 0",
        // The first event names the role alone: that is no content.
        "cut_after = 1",
        "stall_after = 1",
        "stall_after = 0",
        "cut_after = 0\ngarbage = \"data: {\\\"leak-4712\\\"\"",
        "events = ['{\"error\":{\"message\":\"leak-4712\"}}', '[DONE]']",
        "events = [{ event = \"error\", data = { message = \"leak-4712\" } }]",
        "events = []",
        "garbage = \"leak-4712\"",
        "garbage = \"<html>leak-4712</html>\\n\"",
    ] {
        scene.upstream.play(&format!("[[answer]]\n{script}\n"));
        let answer = client.chat(STREAM).await;
        scene.refused(&answer, 502, "upstream_error");
        assert!(!answer.text().contains("leak-4712"), "{script}: {}", answer.text());
        assert_eq!(answer.header("content-type"), "application/json", "{script}");
        assert_eq!(answer.header("x-should-retry"), "false", "{script}");
        let call = scene.bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!((&call["stream"], &call["status"]), (&"none".into(), &502.into()), "{script}");
        assert_eq!(scene.upstream.log.entries().len(), 1, "{script}");
    }
}

/// Everything that a frame may be made of.
const ODD: &[u8] = b": a comment\n\nevent: x\ndata: a\ndata: b\nid: 7\nretry: 10\n\n\
    data: {\"x\":\"\xc3\xa9\xf0\x9f\x98\x80\"}\r\n\r\n: keep-alive\n\ndata: c\r\r\n\
    data:no space\n\ndata\n\nunknown: field\n\ndata: {\"choices\":[],\"n\":1.50}\n\n";

#[tokio::test]
async fn a_stream_passes_byte_for_byte_however_it_is_split() {
    let ends: [&[u8]; 4] = [
        b"data: [DONE]\n\n",
        b"data:[DONE]\r\n\r\n",
        b"data: [DONE]\r\r",
        b"data: [DONE]\n\n: x\n\n",
    ];
    for end in ends {
        let stream = [ODD, end].concat();
        for size in [1, 2, 3, 7, stream.len()] {
            let hand = Hand::streaming(stream.chunks(size)).await;
            let (bastion, client) = before(&hand);
            let answer = client.chat(STREAM).await;
            let (came, sent) = (answer.text(), String::from_utf8_lossy(&stream));
            // Behind the terminal event nothing is waited for; what came with it passes.
            let whole = sent.strip_suffix(": x\n\n").unwrap_or(&sent);
            assert!(came == sent || came == whole, "in pieces of {size}: {came}");
            let call = bastion.last_call(answer.header("x-request-id")).await;
            assert_eq!((&call["stream"], &call["code"]), (&"whole".into(), &Value::Null), "{call}");
        }
    }
}

#[tokio::test]
async fn a_done_without_its_blank_line_is_supplied_one() {
    for (end, expect) in [
        ("data: [DONE]\n", "data: [DONE]\n\n"),
        ("data:[DONE]\n", "data:[DONE]\n\n"),
        ("data: [DONE]\r\n", "data: [DONE]\r\n\n"),
    ] {
        let hand = Hand::streaming([&b"data: {}\n\n"[..], end.as_bytes()]).await;
        let (bastion, client) = before(&hand);
        let answer = client.chat(STREAM).await;
        assert_eq!(answer.text(), format!("data: {{}}\n\n{expect}"));
        let call = bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!((&call["stream"], &call["code"]), (&"whole".into(), &Value::Null), "{call}");
    }
}

#[tokio::test]
async fn a_connection_cut_behind_the_done_is_a_whole_stream() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let pieces =
        vec![Bytes::from_static(head.as_bytes()), chunk(b"data: {}\n\n"), chunk(DONE.as_bytes())];
    let hand = Hand::answering(pieces, Then::Close).await;
    let (bastion, client) = before(&hand);
    let answer = client.chat(STREAM).await;
    assert_eq!(answer.text(), format!("data: {{}}\n\n{DONE}"));
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["stream"], "whole", "{call}");
}

#[tokio::test]
async fn an_error_inside_a_stream_passes_and_is_recorded_as_interrupted() {
    let scene = Scene::set();
    let client = scene.client();
    let error = r#"'{"error":{"message":"overloaded","code":"x"}}'"#;
    for events in [format!("['{{}}', {error}]"), format!("['{{}}', {error}, '[DONE]']")] {
        scene.upstream.play(&format!("[[answer]]\nevents = {events}\n"));
        let answer = client.chat(STREAM).await;
        assert!(answer.text().contains("overloaded"), "{}", answer.text());
        assert_eq!(answer.text().matches("\"error\"").count(), 1, "{}", answer.text());
        let call = scene.bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!(call["stream"], "interrupted", "{events}: {call}");
        assert_eq!(call["code"], "stream_interrupted", "{events}: {call}");
    }
}

#[tokio::test]
async fn a_caller_who_leaves_mid_stream_stops_the_upstream_and_pays_an_estimate() {
    let scene = Scene::set();
    let client = scene.client();
    // Idle is a second: a silence of an hour would end as 'interrupted', not as 'cancelled'.
    scene.upstream.play("[[answer]]\ngap_ms = 3600000\nevents = ['{}', '{}']\n");
    let mut stream = client.open_stream().await;
    let id = stream.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(piece(stream.body_mut()).await.is_some());
    let left = Instant::now();
    drop(stream);
    scene.upstream.wait_for(is(Outcome::ClosedByPeer)).await;
    let took = left.elapsed();
    let call = scene.bastion.last_call(&id).await;
    assert_eq!(call["stream"], "cancelled", "closed after {took:?}: {call}");
    assert_eq!((&call["code"], &call["status"]), (&"caller_left".into(), &200.into()), "{call}");
    assert_eq!(call["usage"]["estimated"], true, "{call}");
    let sent = STREAM.len().div_ceil(4);
    assert_eq!(call["usage"]["input_tokens"], sent, "{call}");
    assert!(call["usage"]["output_tokens"].as_u64().unwrap() > 0, "{call}");
    let connections = scene.upstream.log.connections();
    assert!(connections[0].closed_at.is_some(), "after {took:?}: {connections:?}");
}

#[tokio::test]
async fn a_caller_who_leaves_before_the_first_byte_stops_the_upstream_and_pays_the_bound() {
    let scene = Scene::set();
    let client = scene.client();
    for body in [CHAT, STREAM] {
        scene.upstream.play("[[answer]]\ndelay_ms = 3600000\n");
        let seen = scene.bastion.calls_when(|_| true).await.len();
        tokio::select! {
            answer = client.chat(body) => panic!("it was answered: {answer:?}"),
            () = scene.upstream.wait_for(|all| all.iter().any(|entry| !entry.body.is_empty())) => {}
        }
        let left = Instant::now();
        scene.upstream.wait_for(is(Outcome::ClosedByPeer)).await;
        let took = left.elapsed();
        let calls = scene.bastion.calls_when(|calls| calls.len() > seen).await;
        let call = &calls[0];
        assert_eq!(call["stream"], "cancelled", "closed after {took:?}: {call}");
        assert_eq!(
            (&call["code"], &call["attempts"]),
            (&"caller_left".into(), &1.into()),
            "{call}"
        );
        assert_eq!(call["upstream"], "simulated", "{call}");
        // Nothing came back: what the call could have cost, by the request's own max_tokens.
        assert_eq!(call["usage"]["estimated"], true, "{call}");
        assert_eq!(call["usage"]["input_tokens"], body.len() + TEMPLATE_TOKENS, "{call}");
        assert_eq!(call["usage"]["output_tokens"], 60, "{call}");
    }
}

/// Bytes of one frame of the long stream, and how many of them there are: 128 MiB, far more than
/// all the buffers on the way.
const FRAME_BYTES: usize = 64 * 1024;
const FRAMES: usize = 2048;

#[tokio::test]
async fn a_slow_reader_slows_the_upstream_and_then_gets_every_byte() {
    let frame = [b"data: ", &vec![b'x'; FRAME_BYTES - 8][..], b"\n\n"].concat();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let mut pieces = vec![Bytes::from(frame); FRAMES];
    pieces.insert(0, Bytes::from_static(head.as_bytes()));
    pieces.push(Bytes::from_static(DONE.as_bytes()));
    let hand = Hand::answering(pieces, Then::Close).await;
    let bastion = Bastion::before(hand.address);
    let key = bastion.key("dev", &[]);
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let mut stream = socket.connect(bastion.callers).await.unwrap();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{STREAM}",
        key.text,
        STREAM.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let stuck = hand.stuck().await;
    assert!(stuck < FRAMES as u64 / 2, "{stuck} of {FRAMES} frames were taken for nobody");
    // Longer than the idle time-out: a slow reader is no silence of the upstream's.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut came = Vec::new();
    stream.read_to_end(&mut came).await.unwrap();
    let text = String::from_utf8_lossy(&came);
    let payload =
        text.matches('x').count() - text.split("\r\n\r\n").next().unwrap().matches('x').count();
    assert_eq!(payload, FRAMES * (FRAME_BYTES - 8));
    assert!(text.contains(DONE) && !text.contains("event: error"));
    assert_eq!(bastion.calls_when(|calls| !calls.is_empty()).await[0]["stream"], "whole");
}

#[tokio::test]
async fn a_stream_that_moves_is_never_cut() {
    let scene = Scene::set();
    // Longer than first_event (2 s) and answer (2 s); no gap as long as idle (1 s).
    scene.upstream.play("[[answer]]\ngap_ms = 250\nevents = ['{}','{}','{}','{}','{}','{}','{}','{}','{}','{}','{}','[DONE]']\n");
    let began = Instant::now();
    let answer = scene.client().chat(STREAM).await;
    let took = began.elapsed();
    assert!(took > Duration::from_millis(2500), "{took:?}");
    assert_eq!(answer.text(), format!("{}{DONE}", "data: {}\n\n".repeat(11)), "{took:?}");
}

#[tokio::test]
async fn two_hundred_parallel_streams_are_all_whole() {
    let scene = Scene::set();
    scene.upstream.play("[[answer]]\ngap_ms = 2\n");
    let good = scene.client().chat(STREAM).await.text();
    assert!(good.ends_with(DONE), "{good}");
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let client = scene.client();
        callers.spawn(async move { whole(client.open_stream().await).await });
    }
    let answers = callers.join_all().await;
    assert_eq!(answers.len(), 200);
    for answer in answers {
        assert_eq!(answer.text(), good);
    }
    let calls = scene.bastion.calls_when(|calls| calls.len() == 200).await;
    let whole = |call: &&Value| call["stream"] == "whole" && call["code"].is_null();
    assert_eq!(calls.iter().filter(whole).count(), 200);
}
