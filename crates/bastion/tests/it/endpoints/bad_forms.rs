//! Forms that are no forms: the right refusal, nothing sent on, nothing told, nothing hanging.

use super::form::{CONTENT_TYPE, Form};
use super::{TRANSCRIPTIONS, roomy_scene, scene};
use crate::scene::{PROMPT, Scene};
use crate::wire::Wire;

fn head(scene: &Scene, lines: &str) -> String {
    format!(
        "POST {TRANSCRIPTIONS} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: {}\r\n{lines}\r\n\r\n",
        scene.key.text, CONTENT_TYPE.1
    )
}

#[tokio::test]
async fn a_form_that_cannot_be_read_is_refused_by_what_is_wrong() {
    let scene = scene();
    let good = || Form::default().text("model", "ears");
    let prompt = PROMPT.as_bytes();
    for (form, field, part) in [
        (good().file(prompt).cut(), None, "ends in the middle"),
        (Form::default().cut(), None, "ends in the middle"),
        (good().part("", prompt).file(b"x").whole(), None, "part 2 of the form has no name"),
        (good().part("; name=\"\"", prompt).file(b"x").whole(), None, "has no name"),
        (good().text("model", PROMPT).file(b"x").whole(), Some("model"), "stands twice"),
        (good().file(b"x").file(prompt).whole(), Some("file"), "stands twice"),
        (good().text("prompt", PROMPT).whole(), Some("file"), "missing"),
        (Form::default().file(prompt).whole(), Some("model"), "missing"),
        (Form::default().text("model", "").file(prompt).whole(), Some("model"), "missing"),
        (good().file(b"x").text("stream", "true").whole(), Some("stream"), "not in this version"),
        (good().file(b"x").part("; name=\"user\"", &[0xff]).whole(), Some("user"), "not UTF-8"),
        (good().file(b"x").text("user", "a\0b").whole(), Some("user"), "on one line"),
        (good().file(b"x").text("user", &"u".repeat(257)).whole(), Some("user"), "256 bytes"),
    ] {
        let answer = scene.client().post(TRANSCRIPTIONS, &[CONTENT_TYPE], form).await;
        scene.refused(&answer, 400, "invalid_request");
        let error = answer.json()["error"].clone();
        assert_eq!(error["param"].as_str(), field, "{error}");
        assert!(error["message"].as_str().unwrap().contains(part), "{part}: {error}");
    }
    let many = (0..65).fold(good(), |form, at| form.text(&format!("x{at}"), "y"));
    let answer =
        scene.client().post(TRANSCRIPTIONS, &[CONTENT_TYPE], many.file(b"x").whole()).await;
    scene.refused(&answer, 400, "invalid_request");
    let texts = good().text("prompt", &"a".repeat(1_100_000)).file(b"x").whole();
    let answer = scene.client().post(TRANSCRIPTIONS, &[CONTENT_TYPE], texts).await;
    scene.refused(&answer, 413, "payload_too_large");
    scene.goes_on().await;
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    let scene = scene();
    for content_type in
        ["application/json", "multipart/form-data", "multipart/mixed; boundary=x", "text/plain"]
    {
        let form = Form::default().text("model", "ears").file(b"x").whole();
        let headers = [("content-type", content_type)];
        let answer = scene.client().post(TRANSCRIPTIONS, &headers, form).await;
        scene.refused(&answer, 400, "invalid_request");
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_before_the_rest_is_read() {
    let scene = roomy_scene();
    let begin = Form::default().text("model", "ears").file(&vec![7; 25_000_001]).cut();
    // With a length that is allowed, of which the rest never comes.
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(head(&scene, "content-length: 31000000")).await;
    wire.send_what_is_taken(&begin).await;
    scene.refused(&wire.answer().await, 413, "payload_too_large");
    // With a length that is not: before a byte of it.
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(head(&scene, "content-length: 40000000")).await;
    scene.refused(&wire.answer().await, 413, "payload_too_large");
    scene.goes_on().await;
}

/// Sends bytes in chunks, without ever saying how long they are, and reads the answer.
async fn chunked(scene: &Scene, bytes: &[u8]) -> crate::client::Answer {
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(head(scene, "transfer-encoding: chunked")).await;
    for chunk in bytes.chunks(1_000_000) {
        wire.send_what_is_taken(crate::hand::chunk(chunk)).await;
    }
    wire.answer().await
}

#[tokio::test]
async fn a_part_of_26_mb_that_names_no_length_is_refused() {
    let scene = roomy_scene();
    let form = Form::default().text("model", "ears").file(&vec![7; 26_000_000]).cut();
    scene.refused(&chunked(&scene, &form).await, 413, "payload_too_large");
    scene.goes_on().await;
}

#[tokio::test]
async fn what_is_no_part_of_a_form_has_a_limit_too() {
    let scene = scene();
    // No boundary ever comes, or a part's head never ends: neither may be gathered for ever.
    let preamble = vec![b'a'; 34_000_000];
    scene.refused(&chunked(&scene, &preamble).await, 400, "invalid_request");
    let endless = Form::default().part(&format!("; name=\"{}", "a".repeat(34_000_000)), b"").cut();
    scene.refused(&chunked(&scene, &endless).await, 400, "invalid_request");
    scene.goes_on().await;
}

#[tokio::test]
async fn a_caller_who_breaks_off_inside_a_form_leaves_nothing_behind() {
    let scene = scene();
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(head(&scene, "content-length: 1000000")).await;
    wire.send(Form::default().text("model", "ears").file(&vec![7; 200_000]).cut()).await;
    drop(wire);
    // One that stops without leaving is ended by the body's own time.
    let mut slow = Wire::open(scene.bastion.callers).await;
    slow.send(head(&scene, "content-length: 1000000")).await;
    slow.send(Form::default().text("model", "ears").file(b"x").cut()).await;
    scene.refused(&slow.answer().await, 408, "request_timeout");
    scene.goes_on().await;
}
