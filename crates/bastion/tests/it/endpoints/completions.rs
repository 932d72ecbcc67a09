//! `POST /v1/completions`: the streams, and the places where it differs from chat.

use serde_json::json;

use super::{COMPLETIONS, direct, passes, record, scene};

#[tokio::test]
async fn a_stream_passes_as_it_is_and_its_usage_stays_here_unless_it_was_asked_for() {
    let scene = scene();
    let asked = r#"{"model":"Qwen3-32B","prompt":["a","b"],"n":2,"stream":true,"stream_options":{"include_usage":true}}"#;
    let (answer, sent) = passes(&scene, COMPLETIONS, asked).await;
    assert_eq!(sent, asked);
    let whole = answer.text();
    assert!(
        whole.ends_with("data: [DONE]\n\n") && whole.contains("\"completion_tokens\":64"),
        "{whole}"
    );
    let silent = r#"{"model":"Qwen3-32B","prompt":["a","b"],"n":2,"stream":true}"#;
    let answer = scene.client().post(COMPLETIONS, &[], silent).await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert!(answer.text().ends_with("data: [DONE]\n\n"));
    assert!(!answer.text().contains("completion_tokens"), "{}", answer.text());
    let sent = scene.upstream.log.entries().last().unwrap().body.to_string();
    assert_eq!(sent, silent.replacen('{', r#"{"stream_options":{"include_usage":true},"#, 1));
    let call = record(&scene, &answer).await;
    assert_eq!((&call["usage"]["output_tokens"], &call["stream"]), (&json!(64), &json!("whole")));
    let theirs = direct(&scene).post(COMPLETIONS, &[], sent).await.text();
    let frames = |text: &str| text.split("\n\n").map(str::to_owned).collect::<Vec<_>>();
    let without: Vec<_> =
        frames(&theirs).into_iter().filter(|frame| !frame.contains("completion_tokens")).collect();
    assert_eq!(frames(&answer.text()), without, "one frame is taken out, the others are theirs");
}

#[tokio::test]
async fn a_stream_that_is_cut_ends_with_an_error_and_never_with_done() {
    let scene = scene();
    scene.upstream.play("[[answer]]\ncut_after = 4\n");
    let body = r#"{"model":"words","prompt":"a","stream":true}"#;
    let answer = scene.client().post(COMPLETIONS, &[], body).await;
    let text = answer.text();
    let (whole, last) = text.trim_end().rsplit_once("\n\n").unwrap();
    assert_eq!(whole.matches("data: ").count(), 4, "{text}");
    assert!(last.starts_with("event: error\ndata: {\"error\":{"), "{text}");
    assert!(!text.contains("[DONE]"));
    let call = record(&scene, &answer).await;
    assert_eq!(
        (&call["stream"], &call["code"]),
        (&json!("interrupted"), &json!("stream_interrupted"))
    );
}

#[tokio::test]
async fn the_limit_is_never_renamed_and_never_lost() {
    let scene = scene();
    for limit in [r#""max_tokens":5"#, r#""max_completion_tokens":5"#, r#""max_output_tokens":5"#] {
        let body = format!(r#"{{"model":"Qwen3-32B","prompt":"a",{limit}}}"#);
        assert_eq!(passes(&scene, COMPLETIONS, &body).await.1, body);
    }
}
