//! Signs of life: a comment line every so often once the upstream has said 200, never inside a frame.
//!
//! A test here must never take a comment for content: it reads the stream as a client does.

use std::time::Duration;

use hyper::Response;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::stage::{Act, DONE, ROLE, Stage, contents, events, patient, say, wait_ms, whole, word};
use crate::bastion::Bastion;
use crate::client::{self, Answer, CHAT, Client, STREAM, piece};

/// Longer than one heartbeat and shorter than two.
const OVER_ONE: Duration = Duration::from_millis(1500);

/// The next piece, which must be a comment line and nothing else.
async fn comment(stream: &mut Response<Incoming>) -> String {
    let came = piece(stream.body_mut()).await.expect("the stream ended");
    let text = String::from_utf8(came.to_vec()).unwrap();
    assert!(text.starts_with(':') && text.ends_with('\n'), "no comment: {text:?}");
    assert_eq!(text.matches('\n').count(), text.matches(": heartbeat\n").count(), "{text:?}");
    text
}

/// Reads the rest behind what was read already.
async fn rest(before: &str, stream: Response<Incoming>) -> Answer {
    let mut answer = client::whole(stream).await;
    answer.body = [before.as_bytes(), &answer.body].concat().into();
    answer
}

/// Checks that this stream says after its heartbeats that it failed so.
async fn failed_inside(bastion: &Bastion, answer: &Answer, code: &str, attempts: u64) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.text();
    assert!(text.starts_with(": heartbeat\n"), "{text}");
    let told = events(&text);
    assert_eq!(told.len(), 1, "{text}");
    assert_eq!(told[0].0, "error", "{text}");
    let data: Value = serde_json::from_str(&told[0].1).unwrap();
    let id = answer.header("x-request-id");
    for shape in [&data, &data["error"]] {
        assert_eq!(shape["code"], code, "{text}");
        assert!(shape["type"].is_string(), "{text}");
        assert!(shape["message"].as_str().unwrap().contains(id), "{text}");
    }
    let call = bastion.last_call(id).await;
    assert_eq!((&call["stream"], &call["code"]), (&json!("interrupted"), &json!(code)), "{call}");
    assert_eq!((&call["status"], &call["attempts"]), (&json!(200), &json!(attempts)), "{call}");
}

async fn a_model_that_thinks(at: usize) {
    let sent = [ROLE, &word("a"), &word("b"), DONE].concat();
    let (before, behind) = sent.split_at(at);
    let mut acts = vec![Act::Head, say(before), Act::Gate, say(behind), Act::End];
    acts.retain(|act| !matches!(act, Act::Say(text) if text.is_empty()));
    let stage = Stage::playing(vec![acts]).await;
    let (bastion, client) = stage.open(|config| patient(&config, 2));
    let mut stream = client.open_stream().await;
    assert_eq!(stream.status(), 200);
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    assert_eq!(stream.headers()["bastion-attempts"], "1");
    assert_eq!(stream.headers()["cache-control"], "no-cache, no-transform");
    let mut lines = comment(&mut stream).await;
    lines += &comment(&mut stream).await;
    stage.go_on();
    let answer = rest(&lines, stream).await;
    assert_eq!(contents(&answer.text()), "ab", "{}", answer.text());
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["stream"], &call["code"]), (&json!("whole"), &Value::Null), "{call}");
    assert_eq!(call["attempts"], 1, "{call}");
}

#[tokio::test]
async fn a_caller_hears_every_second_that_the_model_still_thinks() {
    // It has sent its head alone, a half of the first event, the first event.
    tokio::join!(
        a_model_that_thinks(0),
        a_model_that_thinks(ROLE.len() / 2),
        a_model_that_thinks(ROLE.len())
    );
}

#[tokio::test]
async fn events_without_content_are_no_sign_of_life_for_the_caller() {
    let mut acts = vec![Act::Head];
    acts.extend((0..6).flat_map(|_| [say(ROLE), wait_ms(250)]));
    acts.extend([Act::Gate, say(word("a") + DONE), Act::End]);
    let stage = Stage::playing(vec![acts]).await;
    let (_bastion, client) = stage.open(|config| patient(&config, 1));
    let mut stream = client.open_stream().await;
    let lines = comment(&mut stream).await;
    stage.go_on();
    assert_eq!(contents(&rest(&lines, stream).await.text()), "a");
}

#[tokio::test]
async fn there_is_no_sign_of_life_before_the_upstream_has_said_200() {
    let streamed = async {
        let stage = Stage::playing(vec![[vec![Act::Gate], whole(word("a") + DONE)].concat()]).await;
        let (_bastion, client) = stage.open(|config| patient(&config, 1));
        let mut call = Box::pin(client.chat(STREAM));
        assert!(tokio::time::timeout(OVER_ONE, &mut call).await.is_err(), "it was answered");
        stage.go_on();
        assert_eq!(call.await.text(), word("a") + DONE);
    };
    let unstreamed = async {
        let body = r#"{"choices":[]}"#;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let acts = vec![Act::Raw(head.into()), wait_ms(1500), Act::Raw(body.into())];
        let stage = Stage::playing(vec![acts]).await;
        let (_bastion, client) =
            stage.open(|config| patient(&config, 1).replace("answer = \"2s\"", "answer = \"10s\""));
        let answer = client.chat(CHAT).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, body));
    };
    tokio::join!(streamed, unstreamed);
}

#[tokio::test]
async fn in_mid_stream_a_sign_of_life_stands_between_frames_only() {
    let (one, other) = ("data: {\"choices\":[{\"delta\":{", "\"content\":\"b\"}}]}\n\n");
    let acts = vec![
        Act::Head,
        say(word("a")),
        Act::Gate,
        say(one),
        Act::Gate,
        say(other),
        say(DONE),
        Act::End,
    ];
    let stage = Stage::playing(vec![acts]).await;
    let (_bastion, client) = stage.open(|config| patient(&config, 1));
    let mut stream = client.open_stream().await;
    assert_eq!(piece(stream.body_mut()).await.unwrap(), word("a"));
    let lines = comment(&mut stream).await;
    stage.go_on();
    let quiet = tokio::time::timeout(OVER_ONE, piece(stream.body_mut())).await;
    assert!(quiet.is_err(), "inside a frame: {quiet:?}");
    stage.go_on();
    assert_eq!(contents(&rest(&(word("a") + &lines), stream).await.text()), "ab");
}

#[tokio::test]
async fn an_upstreams_own_signs_of_life_do_not_silence_ours() {
    // Another Bastion upstream: comment lines without a blank one, and then its last event.
    let mut acts = vec![Act::Head, say(word("a"))];
    acts.extend((0..5).flat_map(|_| [say(": heartbeat\n"), wait_ms(400)]));
    acts.extend([Act::Gate, say(": heartbeat\n".repeat(20) + DONE), Act::Hang]);
    let stage = Stage::playing(vec![acts]).await;
    let (bastion, client) = stage.open(|config| patient(&config, 1));
    let mut stream = client.open_stream().await;
    assert_eq!(piece(stream.body_mut()).await.unwrap(), word("a"));
    let lines = comment(&mut stream).await;
    stage.go_on();
    let answer = rest(&(word("a") + &lines), stream).await;
    assert_eq!(contents(&answer.text()), "a");
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["stream"], &call["code"]), (&json!("whole"), &Value::Null), "{call}");
}

#[tokio::test]
async fn a_failure_behind_a_sign_of_life_is_an_error_event() {
    let broken = |end: Vec<Act>| [vec![Act::Head, say(ROLE), wait_ms(1300)], end].concat();
    let raw = |text: &str| vec![Act::Raw(text.into())];
    // All of them are open before the first one is called: starting one takes the thread.
    let open = async |plays: Vec<Vec<Act>>| {
        let attempts = u32::try_from(plays.len()).unwrap();
        let stage = Stage::playing(plays).await;
        let opened = stage.open(|config| patient(&config, attempts));
        (stage, opened, attempts)
    };
    let check = async |opened: (Stage, (Bastion, Client), u32), code: &str, unknown: u32| {
        let (stage, (bastion, client), attempts) = opened;
        let answer = client.chat(STREAM).await;
        failed_inside(&bastion, &answer, code, attempts.into()).await;
        assert_eq!(stage.bodies().len(), attempts as usize);
        let call = bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!(call["usage"]["estimated"], unknown > 0, "{call}");
        // Nothing of the answer came: what an attempt of unknown outcome could have used.
        assert_eq!(call["usage"]["output_tokens"], 60 * unknown, "{call}");
    };
    let error = "data: {\"error\":{\"message\":\"leak\"}}\n\n";
    let cut = broken(vec![Act::Cut]);
    tokio::join!(
        check(open(vec![cut.clone()]).await, "upstream_error", 1),
        check(open(vec![broken(vec![Act::End])]).await, "upstream_error", 1),
        // As sure as a status that says so.
        check(open(vec![broken(vec![say(error), Act::End])]).await, "upstream_error", 0),
        check(open(vec![cut.clone(), vec![Act::Cut]]).await, "upstream_error", 2),
        check(
            open(vec![cut.clone(), raw("HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\n{}")]).await,
            "upstream_credentials",
            1
        ),
        check(
            open(vec![cut.clone(), raw("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")]).await,
            "service_unavailable",
            1
        ),
        check(
            open(vec![
                cut,
                raw(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
                )
            ])
            .await,
            "upstream_error",
            2
        ),
    );
}

#[tokio::test]
async fn a_retry_behind_a_sign_of_life_goes_on_unseen() {
    let good = [ROLE, &word("a"), DONE].concat();
    let check = async |second: Vec<Act>, least_lines: usize| {
        let first = vec![Act::Head, say(ROLE), wait_ms(1300), Act::Cut];
        let stage = Stage::playing(vec![first, second]).await;
        let (bastion, client) = stage.open(|config| patient(&config, 2));
        let answer = client.chat(STREAM).await;
        let lines = answer.text().matches(": heartbeat\n").count();
        assert!(lines >= least_lines, "{lines} of {least_lines}: {}", answer.text());
        let text = answer.text().replace(": heartbeat\n", "");
        assert_eq!(text, good, "{}", answer.text());
        assert_eq!(contents(&answer.text()), "a");
        let call = bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!((&call["stream"], &call["attempts"]), (&json!("whole"), &json!(2)), "{call}");
        assert_eq!((&call["status"], &call["code"]), (&json!(200), &Value::Null), "{call}");
    };
    tokio::join!(
        check(whole(&good), 1),
        // The second one's head lets wait for itself: the open stream is kept alive.
        check([vec![wait_ms(1500)], whole(&good)].concat(), 2),
        // A byte order mark would stand in the middle now.
        check(whole(format!("\u{feff}{good}")), 1),
    );
}
