//! `bastion-stream: atomic`: the caller gets a whole stream or an error, never a part of one.
//!
//! A test here must never count the upstream's bytes as the caller's.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{Act, DONE, ROLE, Stage, events, patient, say, wait_ms, whole, word};
use super::weight::pss_kib;
use crate::client::{self, Answer, CHAT, Client, STREAM};

const PATH: &str = "/v1/chat/completions";
const ATOMIC: [(&str, &str); 1] = [("bastion-stream", "atomic")];

/// What a stream has time for before it must have failed to come.
const A_WHILE: Duration = Duration::from_millis(400);

/// Most bytes of a stream that is held back. Source: `start_up.rs`.
const MAX_ATOMIC_BYTES: usize = 16 * 1024 * 1024;

async fn atomic(client: &Client) -> Answer {
    client.post(PATH, &ATOMIC, STREAM).await
}

#[tokio::test]
async fn nothing_reaches_the_caller_before_the_whole_is_there() {
    let acts =
        vec![Act::Head, say(ROLE), say(word("a")), Act::Gate, say(word("b")), say(DONE), Act::End];
    let stage = Stage::playing(vec![acts]).await;
    let (bastion, client) = stage.open(|config| config);
    let mut call = Box::pin(atomic(&client));
    assert!(tokio::time::timeout(A_WHILE, &mut call).await.is_err(), "a part of it came");
    stage.go_on();
    let answer = call.await;
    assert_eq!(answer.text(), [ROLE, &word("a"), &word("b"), DONE].concat());
    assert_eq!(answer.header("content-type"), "text/event-stream");
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["stream"], &call["code"]), (&json!("whole"), &Value::Null), "{call}");
}

#[tokio::test]
async fn a_stream_that_breaks_anywhere_is_made_again_unseen() {
    let good = [ROLE, &word("good"), DONE].concat();
    let begun = |end: Vec<Act>| [vec![Act::Head, say(ROLE), say(word("bad"))], end].concat();
    let half = &DONE[..DONE.len() - 3];
    let breaks = [
        vec![Act::Cut],
        vec![Act::End],
        vec![say(half), Act::Cut],
        vec![say("data: {\"error\":{\"message\":\"x\"}}\n\n"), say(DONE), Act::End],
        vec![say("event: error\ndata: {}\n\n"), Act::End],
    ];
    let stage = Stage::playing(vec![]).await;
    let (bastion, client) = stage.open(|config| patient(&config, 2));
    for end in breaks {
        stage.play(vec![begun(end.clone()), whole(&good)]);
        let answer = atomic(&client).await;
        assert_eq!(answer.text(), good, "{end:?}");
        assert_eq!(answer.header("bastion-attempts"), "2", "{end:?}");
        let call = bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!((&call["stream"], &call["attempts"]), (&json!("whole"), &json!(2)), "{call}");
        assert_eq!(stage.bodies().len(), 2);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_in_every_attempt_is_a_502() {
    let stage = Stage::playing(vec![vec![Act::Head, say(word("leak-4714")), Act::Cut]]).await;
    for attempts in [1, 2] {
        stage.play(vec![vec![Act::Head, say(word("leak-4714")), Act::Cut]]);
        let (bastion, client) = stage.open(|config| patient(&config, attempts));
        let answer = atomic(&client).await;
        assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()));
        assert!(!answer.text().contains("leak-4714"), "{}", answer.text());
        let call = bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!((&call["stream"], &call["attempts"]), (&json!("none"), &json!(attempts)));
        assert_eq!(call["usage"]["estimated"], true, "{call}");
    }
}

#[tokio::test]
async fn a_failure_behind_a_sign_of_life_shows_nothing_of_the_content() {
    let acts = vec![Act::Head, say(word("leak-4714")), wait_ms(1300), Act::Cut];
    let stage = Stage::playing(vec![acts]).await;
    let (bastion, client) = stage.open(|config| patient(&config, 1));
    let answer = atomic(&client).await;
    assert_eq!(answer.status, 200);
    let told = events(&answer.text());
    assert_eq!((told.len(), told[0].0.as_str()), (1, "error"), "{}", answer.text());
    assert!(told[0].1.contains("upstream_error"), "{}", answer.text());
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["stream"], "interrupted", "{call}");
    assert_eq!(call["code"], "upstream_error", "{call}");
}

/// So many frames of 64 KiB.
fn frames(count: usize) -> Vec<Act> {
    let frame = word(&"x".repeat(64 * 1024));
    vec![say(frame); count]
}

#[tokio::test]
async fn a_stream_that_is_too_long_to_be_held_is_a_502_and_memory_is_bounded() {
    let stage = Stage::playing(vec![]).await;
    // Behind a sign of life it would be a 200, and so many bytes take their time.
    let silent =
        |config: String| patient(&config, 3).replace("heartbeat = \"1s\"", "heartbeat = \"1m\"");
    let (bastion, client) = stage.open(silent);
    let fits = MAX_ATOMIC_BYTES / (66 * 1024);
    let good = [vec![Act::Head], frames(fits), vec![say(DONE), Act::End]].concat();
    let endless = [vec![Act::Head], frames(1000), vec![say(DONE), Act::End]].concat();
    stage.play(vec![good, endless]);
    let answer = atomic(&client).await;
    assert_eq!(answer.text(), word(&"x".repeat(64 * 1024)).repeat(fits) + DONE);
    let before = pss_kib(&bastion);
    let answer = atomic(&client).await;
    let grown_kib = pss_kib(&bastion).saturating_sub(before);
    assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()));
    stage.was_left(1).await;
    assert_eq!(stage.bodies().len(), 2, "the same again would be as long");
    // Held once more than the first call's, whose memory may not have gone back.
    let most_kib = 2 * MAX_ATOMIC_BYTES as u64 / 1024;
    assert!(grown_kib < most_kib, "{grown_kib} KiB more");
}

#[tokio::test]
async fn a_caller_who_leaves_meanwhile_stops_the_upstream() {
    let stage = Stage::playing(vec![vec![Act::Head, say(word("a")), Act::Hang]]).await;
    let (bastion, client) = stage.open(|config| patient(&config, 2));
    tokio::select! {
        answer = atomic(&client) => panic!("it was answered: {answer:?}"),
        () = async { stage.has_received(1).await; tokio::time::sleep(A_WHILE / 4).await } => {}
    }
    stage.was_left(0).await;
    let call = bastion.call_with_code("caller_left").await;
    assert_eq!(call["stream"], "cancelled", "{call}");
    assert_eq!(call["usage"]["estimated"], true, "{call}");
    assert_eq!(stage.bodies().len(), 1);
}

#[tokio::test]
async fn a_done_without_its_blank_line_is_an_end_here_too() {
    let stage = Stage::playing(vec![whole(word("a") + DONE.trim_end() + "\n")]).await;
    let (bastion, client) = stage.open(|config| config);
    let answer = atomic(&client).await;
    assert_eq!(answer.text(), word("a") + DONE);
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["stream"], "whole", "{call}");
}

#[tokio::test]
async fn an_unstreamed_call_may_say_it_too() {
    let scene = crate::scene::Scene::set();
    let response = scene.client().stream(PATH, &ATOMIC, CHAT).await;
    let answer = client::whole(response).await;
    assert_eq!((answer.status, answer.json()["object"].clone()), (200, json!("chat.completion")));
}
