//! Requests whose fields cannot be: the right refusal by its field, and nothing sent on.

use super::{COMPLETIONS, EMBEDDINGS, IMAGES, RESPONSES, refused, scene};
use crate::scene::{CHAT, PROMPT};

const BAD: (u16, &str) = (400, "invalid_request");

#[tokio::test]
async fn a_limit_that_nobody_can_mean_is_refused_in_every_spelling() {
    let scene = scene();
    for (path, model, prompt) in [
        (CHAT, "gpt-oss-20b", format!(r#""messages":[{{"role":"user","content":"{PROMPT}"}}]"#)),
        (COMPLETIONS, "words", format!(r#""prompt":"{PROMPT}""#)),
        (RESPONSES, "words", format!(r#""input":"{PROMPT}""#)),
    ] {
        for field in ["max_tokens", "max_completion_tokens", "max_output_tokens"] {
            for value in ["-1", "0", "9223372036854775808", "\"12\"", "1.5", "1e3", "[]"] {
                let body = format!(r#"{{"model":"{model}",{prompt},"{field}":{value}}}"#);
                refused(&scene, path, &body, (BAD.0, BAD.1, Some(field))).await;
            }
        }
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn more_answers_than_anyone_makes_are_refused() {
    let scene = scene();
    for (path, body, field) in [
        (CHAT, r#"{"model":"gpt-oss-20b","messages":[{}],"n":10000}"#, "n"),
        (COMPLETIONS, r#"{"model":"words","prompt":"a","n":10000}"#, "n"),
        (COMPLETIONS, r#"{"model":"words","prompt":"a","best_of":10000}"#, "best_of"),
        (IMAGES, r#"{"model":"pictures","prompt":"a","n":10000}"#, "n"),
        (IMAGES, r#"{"model":"pictures","prompt":"a","n":0}"#, "n"),
        (IMAGES, r#"{"model":"pictures","prompt":"a","n":"2"}"#, "n"),
        (IMAGES, r#"{"model":"pictures","prompt":["a"]}"#, "prompt"),
        (IMAGES, r#"{"model":"pictures","prompt":"a","stream":true}"#, "stream"),
    ] {
        refused(&scene, path, body, (BAD.0, BAD.1, Some(field))).await;
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn ten_thousand_prompts_are_refused_and_told_so() {
    let scene = scene();
    let list = format!("[{}]", vec![format!("\"{PROMPT}\""); 10_000].join(","));
    for (path, model, field) in [(COMPLETIONS, "words", "prompt"), (EMBEDDINGS, "vectors", "input")]
    {
        let body = format!(r#"{{"model":"{model}","{field}":{list}}}"#);
        let answer = scene.client().post(path, &[], body).await;
        scene.refused(&answer, 400, "invalid_request");
        assert_eq!(answer.json()["error"]["param"], field);
        assert!(answer.text().contains("10000 entries"), "{}", answer.text());
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn prompts_of_no_form_are_refused() {
    let scene = scene();
    for value in ["[]", "null", "5", "{}", "[[]]", r#"["a",1]"#, "[1.5]", "[-1]"] {
        let body = format!(r#"{{"model":"words","prompt":{value}}}"#);
        refused(&scene, COMPLETIONS, &body, (BAD.0, BAD.1, Some("prompt"))).await;
        let body = format!(r#"{{"model":"vectors","input":{value}}}"#);
        refused(&scene, EMBEDDINGS, &body, (BAD.0, BAD.1, Some("input"))).await;
    }
    for value in ["null", "5", "{}"] {
        let body = format!(r#"{{"model":"words","input":{value}}}"#);
        refused(&scene, RESPONSES, &body, (BAD.0, BAD.1, Some("input"))).await;
    }
    for (path, body) in [
        (RESPONSES, r#"{"model":"words","model":"bge-m3","input":"a"}"#),
        (EMBEDDINGS, r#"{"model":"vectors","model":"x","input":"a"}"#),
        (COMPLETIONS, r#"{"model":"words","model":"x","prompt":"a"}"#),
        (IMAGES, r#"{"model":"pictures","model":"x","prompt":"a"}"#),
    ] {
        refused(&scene, path, body, (BAD.0, BAD.1, Some("model"))).await;
    }
    scene.goes_on().await;
}
