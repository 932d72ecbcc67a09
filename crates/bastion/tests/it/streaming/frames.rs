//! Frames through the binary: every line end at every split, odd bytes, and the longest ones.
//!
//! A test here must never compare text where bytes are meant.

use serde_json::{Value, json};

use super::stage::{Act, DONE, Stage, events, patient, say, wait_ms, word};
use super::weight::pss_kib;
use crate::bastion::UPSTREAM_KEY;
use crate::client::STREAM;

/// Longest frame that is held back. Source: `bastion-wire`, `sse.rs`.
const MAX_FRAME_BYTES: usize = 4 * 1024 * 1024;

/// Everything that a frame may be made of; `$` is a line end.
const ODD: &[u8] = b": a comment$$event: x$data: a$data: b$id: 7$retry: 10$$data: nul \0 here$$\
    data: not \xff\xfe utf-8 \xc3$$data$data:$data: $$data:{\"choices\":[{\"delta\":{\"content\":\"c\"}}]}$$\
    unknown: field$$:$$data: {\"choices\":[],\"n\":1.50}$$data: [DONE]$$";

/// The line ends in turn at each `$`.
fn with_ends(ends: &[&str]) -> Vec<u8> {
    let mut ends = ends.iter().cycle();
    let pieces = ODD.split(|byte| *byte == b'$');
    let mut all = Vec::new();
    for (n, piece) in pieces.enumerate() {
        if n > 0 {
            all.extend_from_slice(ends.next().unwrap().as_bytes());
        }
        all.extend_from_slice(piece);
    }
    all
}

#[tokio::test]
async fn every_line_end_passes_byte_for_byte_at_every_split() {
    let stage = Stage::playing(vec![]).await;
    let (bastion, client) = stage.open(|config| config);
    let kinds: [&[&str]; 6] = [
        &["\n"],
        &["\r\n"],
        &["\r"],
        &["\n", "\r\n"],
        &["\r\n", "\n", "\r\n"],
        &["\r", "\r", "\n", "\n"],
    ];
    for ends in kinds {
        let stream = with_ends(ends);
        let at_once = |size: usize| {
            let pieces = stream.chunks(size).map(say);
            [vec![Act::Head], pieces.collect(), vec![Act::End]].concat()
        };
        let split = |at: usize| {
            let (one, other) = stream.split_at(at);
            vec![Act::Head, say(one), wait_ms(2), say(other), Act::End]
        };
        let mut plays: Vec<_> = [1, 2, 3, 5, 7, stream.len()].map(at_once).into();
        plays.extend((1..stream.len()).step_by(5).map(split));
        let count = plays.len();
        stage.play(plays);
        let mut id = String::new();
        for n in 0..count {
            let answer = client.chat(STREAM).await;
            let (came, sent) = (answer.text(), String::from_utf8_lossy(&stream));
            assert!(answer.body == stream, "play {n} of {ends:?}:\n{came:?}\n{sent:?}");
            answer.header("x-request-id").clone_into(&mut id);
        }
        let call = bastion.last_call(&id).await;
        assert_eq!((&call["stream"], &call["code"]), (&json!("whole"), &Value::Null), "{call}");
    }
}

/// Frames of almost the limit; the bytes that stand around the x are few.
fn long_frame(length: usize) -> String {
    let around = word("").len();
    word(&"x".repeat(length - around))
}

#[tokio::test]
async fn a_frame_of_just_under_the_limit_passes() {
    let stage = Stage::playing(vec![]).await;
    let (_bastion, client) = stage.open(|config| patient(&config, 1));
    let long = long_frame(MAX_FRAME_BYTES - 16);
    let in_pieces = |text: &str| text.as_bytes().chunks(100_000).map(say).collect::<Vec<_>>();
    let sent = word("a") + &long + DONE;
    stage.play(vec![
        [vec![Act::Head], in_pieces(&(long.clone() + DONE)), vec![Act::End]].concat(),
        [
            vec![Act::Head, say(word("a")), wait_ms(20)],
            in_pieces(&(long.clone() + DONE)),
            vec![Act::End],
        ]
        .concat(),
    ]);
    assert!(client.chat(STREAM).await.text() == long + DONE, "as the first content");
    assert!(client.chat(STREAM).await.text() == sent, "behind content");
}

#[tokio::test]
async fn an_endless_line_ends_the_stream_and_memory_is_bounded() {
    let stage = Stage::playing(vec![]).await;
    // A sign of life would open the stream: here it is to fail before.
    let unhurried = ("heartbeat = \"1s\"", "heartbeat = \"9s\"");
    let (bastion, client) =
        stage.open(|config| patient(&config, 1).replace(unhurried.0, unhurried.1));
    let endless = vec![say("x".repeat(64 * 1024)); 2048];
    let comments = vec![say(": x\n".repeat(16 * 1024)); 2048];
    let before_kib = pss_kib(&bastion);
    for (n, lines) in [endless, comments].into_iter().enumerate() {
        stage.play(vec![[vec![Act::Head], lines.clone()].concat()]);
        let answer = client.chat(STREAM).await;
        assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()), "{n}");
        stage.was_left(0).await;
        stage.play(vec![[vec![Act::Head, say(word("a"))], lines].concat()]);
        let answer = client.chat(STREAM).await;
        let told = events(&answer.text());
        assert_eq!((told.len(), told[1].0.as_str()), (2, "error"), "{}", answer.text());
        assert!(told[1].1.contains("stream_interrupted"), "{}", answer.text());
        stage.was_left(0).await;
        let call = bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!(call["stream"], "interrupted", "{call}");
    }
    let grown_kib = pss_kib(&bastion).saturating_sub(before_kib);
    // One frame, twice while its memory grows, and what the allocator keeps.
    let most_kib = 4 * MAX_FRAME_BYTES as u64 / 1024;
    eprintln!("endless lines: {grown_kib} KiB more");
    assert!(grown_kib < most_kib, "{grown_kib} KiB more");
}

#[tokio::test]
async fn an_end_in_a_cr_alone_is_an_end_too() {
    let stage = Stage::playing(vec![]).await;
    let (bastion, client) = stage.open(|config| patient(&config, 1));
    for end in ["data: [DONE]\r\r", "data: [DONE]\r\n\r"] {
        for apart in [vec![], vec![wait_ms(20)]] {
            let acts = [vec![Act::Head, say(word("a"))], apart, vec![say(end), Act::Hang]].concat();
            stage.play(vec![acts]);
            // Shorter than any silence that breaks a stream off.
            let call = tokio::time::timeout(std::time::Duration::from_secs(5), client.chat(STREAM));
            let answer = call.await.unwrap_or_else(|_| panic!("no end behind {end:?}"));
            assert_eq!(answer.text(), word("a") + end);
            let call = bastion.last_call(answer.header("x-request-id")).await;
            assert_eq!((&call["stream"], &call["code"]), (&json!("whole"), &Value::Null), "{call}");
        }
    }
}

#[tokio::test]
async fn our_key_in_an_upstreams_error_event_is_redacted() {
    let stage = Stage::playing(vec![]).await;
    let (_bastion, client) = stage.open(|config| config);
    let content = word("keys look like qbt_short");
    for key in [UPSTREAM_KEY, "qbt_live_0123456789abcdef"] {
        for frame in [
            format!("data: {{\"error\":{{\"message\":\"not with {key}, please\"}}}}\n\n"),
            format!("event: error\ndata: {{\"message\":\"not with {key}, please\"}}\n\n"),
        ] {
            let acts = vec![Act::Head, say(&content), wait_ms(20), say(&frame), Act::End];
            stage.play(vec![acts]);
            let text = client.chat(STREAM).await.text();
            assert!(!text.contains(key) && text.contains("not with "), "{text}");
            assert!(text.starts_with(&content) && text.contains(", please"), "{text}");
            assert_eq!(events(&text).len(), 2, "{text}");
        }
    }
}
