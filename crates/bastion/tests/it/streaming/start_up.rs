//! What comes before the content is held back, and what is content goes on at once.
//!
//! A test here must never give the upstream's word before it knows what the caller has.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{Act, DONE, ROLE, Stage, patient, say, wait_ms, whole, word};
use crate::client::{self, STREAM, piece};

/// What a head has time for before it must have failed to come.
const A_WHILE: Duration = Duration::from_millis(200);

/// Holds these back, then gives them with what follows; nothing changes on the way.
async fn held(stage: &Stage, client: &client::Client, start_up: &str) {
    let behind = word("a") + DONE;
    stage.play(vec![vec![Act::Head, say(start_up), Act::Gate, say(&behind), Act::End]]);
    let mut call = Box::pin(client.chat(STREAM));
    let early = tokio::time::timeout(A_WHILE, &mut call).await;
    assert!(early.is_err(), "not held back: {start_up:.200} {early:?}");
    stage.go_on();
    assert_eq!(call.await.text(), start_up.to_owned() + &behind);
}

/// The caller has these before the upstream goes on.
async fn passed(stage: &Stage, client: &client::Client, begin: &str) {
    stage.play(vec![vec![Act::Head, say(begin), Act::Gate, say(DONE), Act::End]]);
    let opening = tokio::time::timeout(A_WHILE * 5, client.open_stream()).await;
    let mut stream = opening.unwrap_or_else(|_| panic!("held back: {begin:.200}"));
    let mut came = Vec::new();
    while came.len() < begin.len() {
        came.extend(piece(stream.body_mut()).await.unwrap());
    }
    assert_eq!(String::from_utf8_lossy(&came), begin);
    stage.go_on();
    assert_eq!(client::whole(stream).await.text(), DONE);
}

fn delta(fields: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{{fields}}},\"finish_reason\":null}}]}}\n\n"
    )
}

#[tokio::test]
async fn what_holds_no_content_is_held_back() {
    let stage = Stage::playing(vec![]).await;
    let (_bastion, client) = stage.open(|config| config);
    let roles = |count: usize| ROLE.repeat(count);
    for start_up in [
        ROLE.to_owned(),
        roles(40),
        delta(r#""role":"assistant","content":null,"refusal":null,"tool_calls":[]"#),
        ": OPENROUTER PROCESSING\n\n".repeat(8),
        format!("\u{feff}{ROLE}"),
        ROLE.replace('\n', "\r\n"),
        // Below 64 KiB.
        format!(": {}\n\n", "x".repeat(8 * 1024 - 16)).repeat(7),
        "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n".to_owned() + ROLE,
        "id: 1\nretry: 10\n\n".to_owned(),
    ] {
        held(&stage, &client, &start_up).await;
    }
}

#[tokio::test]
async fn content_of_any_kind_goes_on_at_once() {
    let stage = Stage::playing(vec![]).await;
    let (_bastion, client) = stage.open(|config| config);
    for content in [
        word("a"),
        word(" "),
        delta(r#""reasoning_content":"hm""#),
        delta(r#""reasoning":"hm""#),
        delta(r#""tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":""}}]"#),
        delta(r#""refusal":"no""#),
        delta(r#""audio":{"id":"a","data":"AA=="}"#),
        delta(r#""function_call":{"name":"f"}"#),
        delta("").replace("null", "\"stop\""),
        delta(r#""something_new":1"#),
        "data: {\"choices\":[{\"text\":\"a\"}]}\n\n".to_owned(),
        "data: no json\n\n".to_owned(),
        "event: x\ndata: {}\n\n".to_owned(),
    ] {
        for before in ["", ROLE, ": note\n\n", "\u{feff}"] {
            passed(&stage, &client, &format!("{before}{content}")).await;
        }
        passed(&stage, &client, &content.replace('\n', "\r\n")).await;
    }
}

#[tokio::test]
async fn no_more_is_held_back_than_its_bounds_say() {
    let stage = Stage::playing(vec![]).await;
    let (_bastion, client) = stage.open(|config| config);
    passed(&stage, &client, &ROLE.repeat(65)).await;
    passed(&stage, &client, &": x\n\n".repeat(65)).await;
    passed(&stage, &client, &format!(": {}\n\n", "x".repeat(8 * 1024)).repeat(9)).await;
}

#[tokio::test]
async fn what_fails_before_its_content_is_made_again_and_nothing_stands_twice() {
    let good = [ROLE, &word("good"), DONE].concat();
    let stage = Stage::playing(vec![]).await;
    let (bastion, client) = stage.open(|config| patient(&config, 2));
    for end in [
        vec![Act::Cut],
        vec![say(ROLE), Act::Cut],
        vec![say(": note\n\n"), say(ROLE), say("data: {\"choi"), Act::Cut],
        vec![say(ROLE), Act::End],
        vec![say(ROLE.repeat(40)), Act::End],
        vec![say(ROLE), say("data: {\"error\":{\"message\":\"x\"}}\n\n"), say(DONE), Act::End],
        vec![say(ROLE), say("event: error\ndata: {}\n\n"), Act::Hang],
        vec![Act::Raw(b"no chunk\r\n".to_vec()), Act::Hang],
    ] {
        stage.play(vec![[vec![Act::Head], end.clone()].concat(), whole(&good)]);
        let answer = client.chat(STREAM).await;
        assert_eq!(answer.text(), good, "{end:?}");
        assert_eq!(answer.header("bastion-attempts"), "2", "{end:?}");
        let call = bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!((&call["stream"], &call["attempts"]), (&json!("whole"), &json!(2)), "{call}");
    }
}

#[tokio::test]
async fn what_fails_behind_its_content_is_never_made_again() {
    let stage = Stage::playing(vec![]).await;
    let (bastion, client) = stage.open(|config| patient(&config, 3));
    for end in [
        vec![Act::Cut],
        vec![Act::End],
        vec![say("data: half"), Act::Cut],
        vec![Act::Raw(b"no chunk\r\n".to_vec()), Act::Hang],
    ] {
        let begin = vec![Act::Head, say(ROLE.to_owned() + &word("a")), wait_ms(20)];
        stage.play(vec![[begin, end.clone()].concat()]);
        let answer = client.chat(STREAM).await;
        let text = answer.text();
        let before = text.split("event: error\n").next().unwrap();
        assert_eq!(before, ROLE.to_owned() + &word("a"), "{end:?}: {text}");
        assert!(text.contains("stream_interrupted") && !text.contains("[DONE]"), "{text}");
        assert_eq!(stage.bodies().len(), 1, "{end:?}");
        let call = bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!(call["stream"], "interrupted", "{call}");
    }
}

#[tokio::test]
async fn an_empty_stream_with_its_end_is_whole() {
    let stage = Stage::playing(vec![]).await;
    let (bastion, client) = stage.open(|config| config);
    for text in [ROLE.to_owned() + DONE, DONE.to_owned(), ROLE.to_owned() + DONE.trim_end() + "\n"]
    {
        stage.play(vec![whole(&text)]);
        let answer = client.chat(STREAM).await;
        assert_eq!(answer.text(), text.trim_end().to_owned() + "\n\n");
        let call = bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!((&call["stream"], &call["code"]), (&json!("whole"), &Value::Null), "{call}");
    }
}

#[tokio::test]
async fn an_upstream_that_sends_comments_alone_is_silent() {
    let comments = vec![vec![say(": ping\n\n"), wait_ms(300)]; 30].concat();
    let late = vec![say(word("late") + DONE), Act::End];
    let play = [vec![Act::Head], comments, late].concat();
    let stage = Stage::playing(vec![play]).await;
    // No event within two seconds.
    let (bastion, client) = stage.open(|config| config);
    let answer = client.chat(STREAM).await;
    assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()), "{}", answer.text());
    stage.was_left(0).await;
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["code"], "upstream_error", "{call}");
}
