//! `POST /v1/responses`: nothing is kept at the upstream, and its streams of typed events.

use serde_json::{Value, json};

use super::{RESPONSES, passes, patient_scene, record, refused, scene};
use crate::scene::CHAT;

const STREAM: &str = r#"{"model":"Qwen3-32B","input":"a","store":false,"stream":true}"#;

/// Name and data of each event.
fn events(text: &str) -> Vec<(String, Value)> {
    let frames = text.split("\n\n").filter(|frame| !frame.is_empty());
    let event = |frame: &str| {
        let (name, data) = frame.strip_prefix("event: ").unwrap().split_once("\ndata: ").unwrap();
        (name.to_owned(), serde_json::from_str(data).unwrap())
    };
    frames.map(event).collect()
}

#[tokio::test]
async fn store_false_is_put_in_where_it_is_missing() {
    let scene = scene();
    for (body, expected) in [
        (
            r#"{"model":"Qwen3-32B","input":"a"}"#,
            r#"{"store":false,"model":"Qwen3-32B","input":"a"}"#,
        ),
        (
            r#" { "input":[{"role":"user","content":"a"}],"model":"words" }"#,
            r#" {"store":false, "input":[{"role":"user","content":"a"}],"model":"Qwen3-32B" }"#,
        ),
        (
            r#"{"store":null,"model":"Qwen3-32B","input":"a"}"#,
            r#"{"store":false,"model":"Qwen3-32B","input":"a"}"#,
        ),
        (
            r#"{"store":false,"model":"Qwen3-32B","input":"a","background":false}"#,
            r#"{"store":false,"model":"Qwen3-32B","input":"a","background":false}"#,
        ),
        (
            r#"{"model":"Qwen3-32B","input":"a","stream":true}"#,
            r#"{"store":false,"model":"Qwen3-32B","input":"a","stream":true}"#,
        ),
    ] {
        assert_eq!(passes(&scene, RESPONSES, body).await.1, expected);
    }
}

#[tokio::test]
async fn what_would_be_kept_is_refused_by_its_field() {
    let scene = scene();
    for (rest, field) in [
        (r#""store":true"#, "store"),
        (r#""previous_response_id":"resp_1""#, "previous_response_id"),
        (r#""conversation":"conv_1""#, "conversation"),
        (r#""store":false,"background":true"#, "background"),
        (r#""store":true,"stream":true"#, "store"),
    ] {
        let body = format!(r#"{{"model":"words","input":"a",{rest}}}"#);
        refused(&scene, RESPONSES, &body, (400, "stateful_not_allowed", Some(field))).await;
    }
    let chat = r#"{"model":"gpt-oss-20b","messages":[{"role":"user","content":"a"}],"store":true}"#;
    refused(&scene, CHAT, chat, (400, "stateful_not_allowed", Some("store"))).await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_stream_of_typed_events_passes_as_it_is() {
    let scene = scene();
    let (answer, _) = passes(&scene, RESPONSES, STREAM).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.header("x-accel-buffering"), "no");
    assert!(!answer.text().contains("[DONE]"));
    let events = events(&answer.text());
    assert_eq!(events.last().unwrap().0, "response.completed");
    let call = record(&scene, &answer).await;
    let told = &events.last().unwrap().1["response"]["usage"];
    assert_eq!(call["usage"]["output_tokens"], told["output_tokens"]);
    assert_eq!((&call["stream"], &call["usage"]["estimated"]), (&json!("whole"), &json!(false)));
}

#[tokio::test]
async fn a_failure_behind_start_up_events_is_tried_again_unseen() {
    let scene = patient_scene();
    let failed = r#"'{"type":"response.failed","response":{"error":{"code":"server_error","message":"x"}}}'"#;
    let created = r#"'{"type":"response.created","response":{}}'"#;
    for first in [
        "cut_after = 1".to_owned(),
        // Created, in progress, an item and its part: still nothing that could be read.
        "cut_after = 4".to_owned(),
        format!("events = [{created}, {failed}]"),
        r#"events = [{ event = "error", data = { type = "error", message = "x" } }]"#.to_owned(),
    ] {
        scene.upstream.play(&format!("[[answer]]\nmatch = {{ nth = 1 }}\n{first}\n"));
        let answer = scene.client().post(RESPONSES, &[], STREAM).await;
        assert_eq!(answer.header("bastion-attempts"), "2", "{first}: {}", answer.text());
        let events = events(&answer.text());
        let created = events.iter().filter(|(name, _)| name == "response.created").count();
        assert_eq!((created, events[0].0.as_str()), (1, "response.created"), "{first}");
        assert_eq!(events.last().unwrap().0, "response.completed", "{first}");
    }
}

#[tokio::test]
async fn an_interrupted_stream_ends_with_an_error_that_every_sdk_sees() {
    let scene = patient_scene();
    scene.upstream.play("[[answer]]\ncut_after = 7\n");
    let answer = scene.client().post(RESPONSES, &[], STREAM).await;
    let text = answer.text();
    let events = events(&text);
    assert_eq!(events.len(), 7 + 1, "{text}");
    assert!(!text.contains("[DONE]") && !text.contains("response.completed"), "{text}");
    let (name, data) = events.last().unwrap();
    assert_eq!((name.as_str(), &data["type"]), ("error", &json!("error")), "{text}");
    assert!(data["sequence_number"].is_u64(), "{text}");
    // The shape of chat's clients and that of responses'.
    assert_eq!(data["error"]["type"], "api_error");
    assert_eq!(data["error"]["code"], "stream_interrupted");
    assert_eq!(data["code"], "stream_interrupted");
    assert_eq!(data["error"]["message"], data["message"]);
    let call = record(&scene, &answer).await;
    assert_eq!(
        (&call["stream"], &call["code"]),
        (&json!("interrupted"), &json!("stream_interrupted"))
    );
    assert_eq!((&call["attempts"], &call["usage"]["estimated"]), (&json!(1), &json!(true)));
}

#[tokio::test]
async fn a_response_that_fails_after_its_content_is_told_as_it_came() {
    let scene = scene();
    scene.upstream.play(
        r#"
        [[answer]]
        events = [
          '{"type":"response.output_text.delta","delta":"a"}',
          '{"type":"response.failed","response":{"error":{"code":"server_error"},"usage":{"input_tokens":3,"output_tokens":4}}}',
        ]
        "#,
    );
    let answer = scene.client().post(RESPONSES, &[], STREAM).await;
    let text = answer.text();
    assert!(text.contains("response.failed") && !text.contains("[DONE]"), "{text}");
    let call = record(&scene, &answer).await;
    assert_ne!(call["code"], Value::Null, "{call}");
    assert_eq!(call["usage"]["output_tokens"], 4, "{call}");
}

#[tokio::test]
async fn an_atomic_stream_is_whole_or_an_error() {
    let scene = patient_scene();
    scene.upstream.play("[[answer]]\nmatch = { nth = 1 }\ncut_after = 9\n");
    let answer = scene.client().post(RESPONSES, &[("bastion-stream", "atomic")], STREAM).await;
    assert_eq!(answer.header("bastion-attempts"), "2");
    let events = events(&answer.text());
    assert_eq!(events.iter().filter(|(name, _)| name == "response.created").count(), 1);
    assert_eq!(events.last().unwrap().0, "response.completed");
}
