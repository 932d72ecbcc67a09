//! What holds for every endpoint alike.

use bastion_sim::Outcome;
use hyper::body::Bytes;
use serde_json::json;

use super::form::{CONTENT_TYPE, Form};
use super::{
    COMPLETIONS, EMBEDDINGS, IMAGES, MODELS, RESPONSES, SPEECH, TRANSCRIPTIONS, passes, record,
    scene,
};
use crate::client::Client;
use crate::scene::{CHAT, PROMPT, Scene};

/// An endpoint that takes JSON: its path, a model's name there, our name of it, the other fields.
const JSON: [(&str, &str, &str, &str); 4] = [
    (COMPLETIONS, "Qwen3-32B", "words", r#""prompt":["say", "it"],"max_tokens":8"#),
    (RESPONSES, "Qwen3-32B", "words", r#""input":"say","store":false"#),
    (EMBEDDINGS, "bge-m3", "vectors", r#""input":[[1,2],[3]]"#),
    (IMAGES, "stable-diffusion-xl-base-v10", "pictures", r#""prompt":"say","n":2"#),
];

/// What no gateway knows, in a form that no tree keeps.
const UNKNOWN: &str = r#" "x_unknown": {"b":1E400,"a":[2.50,123456789012345678901234567890]}"#;

fn with_model(model: &str, rest: &str) -> String {
    format!(r#"{{ {rest},  "model" : "{model}",{UNKNOWN} }}"#)
}

#[tokio::test]
async fn a_body_passes_byte_for_byte_and_its_answer_too() {
    let scene = scene();
    for (path, model, _, rest) in JSON {
        let body = with_model(model, rest);
        let (_, sent) = passes(&scene, path, &body).await;
        assert_eq!(sent, body, "{path}");
    }
    let speech = format!(r#"{{ "text":"say", "language_code":"en-US",{UNKNOWN} }}"#);
    let (_, sent) = passes(&scene, SPEECH, &speech).await;
    assert_eq!(sent, speech);
}

#[tokio::test]
async fn a_renamed_model_changes_its_name_and_nothing_else() {
    let scene = scene();
    for (path, model, ours, rest) in JSON {
        let (answer, sent) = passes(&scene, path, &with_model(ours, rest)).await;
        assert_eq!(sent, with_model(model, rest), "{path}");
        let call = record(&scene, &answer).await;
        assert_eq!((&call["model"], &call["status"]), (&json!(ours), &json!(200)), "{path}");
    }
}

#[tokio::test]
async fn a_model_is_found_only_where_it_can_be_asked() {
    let scene = scene();
    for (path, _, _, rest) in JSON {
        for model in ["gpt-9", "whisper-large-v3", "tts-en-us"] {
            let answer = scene.client().post(path, &[], with_model(model, rest)).await;
            scene.refused(&answer, 404, "model_not_found");
        }
    }
    for (path, model) in [
        (CHAT, "bge-m3"),
        (CHAT, "words"),
        (COMPLETIONS, "gpt-oss-20b"),
        (RESPONSES, "bge-m3"),
        (EMBEDDINGS, "Qwen3-32B"),
        (IMAGES, "bge-m3"),
    ] {
        let body = with_model(model, r#""messages":[{}],"prompt":"a","input":"a""#);
        let answer = scene.client().post(path, &[], body).await;
        scene.refused(&answer, 404, "model_not_found");
    }
    let form = Form::default().file(b"x").text("model", "Qwen3-32B").whole();
    let answer = scene.client().post(TRANSCRIPTIONS, &[CONTENT_TYPE], form).await;
    scene.refused(&answer, 404, "model_not_found");
    scene.goes_on().await;
}

/// A good call of every endpoint; streamed where there are streams.
fn good_calls() -> Vec<(&'static str, &'static str, Bytes)> {
    let chat = format!(
        r#"{{"model":"gpt-oss-20b","stream":true,"messages":[{{"role":"user","content":"{PROMPT}"}}]}}"#
    );
    let json = |path, model, rest: &str| {
        ("application/json", path, Bytes::from(format!(r#"{{"model":"{model}",{rest}}}"#)))
    };
    let form = Form::default().file(PROMPT.as_bytes()).text("model", "whisper-large-v3").whole();
    let speech = format!(r#"{{"text":"{PROMPT}","language_code":"en-US"}}"#);
    let prompt = format!(r#""prompt":"{PROMPT}""#);
    let input = format!(r#""input":"{PROMPT}""#);
    vec![
        ("application/json", CHAT, Bytes::from(chat)),
        json(COMPLETIONS, "words", &prompt),
        json(COMPLETIONS, "words", &format!(r#"{prompt},"stream":true"#)),
        json(RESPONSES, "words", &input),
        json(RESPONSES, "words", &format!(r#"{input},"stream":true"#)),
        json(EMBEDDINGS, "vectors", &input),
        json(IMAGES, "pictures", &prompt),
        (CONTENT_TYPE.1, TRANSCRIPTIONS, form),
        ("application/json", SPEECH, Bytes::from(speech)),
    ]
}

#[tokio::test]
async fn a_caller_who_leaves_closes_the_upstreams_connection() {
    let scene = scene();
    let stalled = "[[answer]]\nstall_after = 10\n";
    let silent = "[[answer]]\ndelay_ms = 3600000\n";
    for (content_type, path, body) in good_calls() {
        for script in [stalled, silent] {
            scene.upstream.play(script);
            let (client, body) = (scene.client(), body.clone());
            let call = bastion_runtime::Tasks::new().spawn(async move {
                let answer = client.stream(path, &[("content-type", content_type)], body).await;
                crate::client::whole(answer).await
            });
            let arrived = |all: &[bastion_sim::LogEntry]| all.iter().any(|one| one.body_bytes > 0);
            scene.upstream.wait_for(arrived).await;
            call.abort();
            let closed = |one: &bastion_sim::LogEntry| one.outcome == Some(Outcome::ClosedByPeer);
            scene.upstream.wait_for(|all| all.iter().any(closed)).await;
            assert_eq!(scene.upstream.log.entries().len(), 1, "{path}: one attempt");
            let left = |call: &serde_json::Value| {
                call["stream"] == "cancelled" || call["code"] == "caller_left"
            };
            let calls = scene.bastion.calls_when(|calls| calls.first().is_some_and(left)).await;
            assert!(!calls.is_empty());
        }
    }
}

#[tokio::test]
async fn no_endpoint_leaves_its_regions() {
    let scene = scene();
    let quebec = Client::new(scene.bastion.callers, &scene.bastion.key("quebec", &[]));
    for (content_type, path, body) in good_calls() {
        let answer = quebec.post(path, &[("content-type", content_type)], body).await;
        scene.refused(&answer, 503, "no_allowed_region");
    }
    assert_eq!(scene.upstream.log.entries().len(), 0);
    let canada = Client::new(scene.bastion.callers, &scene.bastion.key("prod", &[]));
    for (content_type, path, body) in good_calls() {
        let answer = canada.post(path, &[("content-type", content_type)], body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("bastion-region"), "CA", "{path}");
    }
    scene.tells_nothing(&scene.bastion.log.text());
}

#[tokio::test]
async fn an_upstreams_failures_mean_the_same_everywhere() {
    let scene = scene();
    for (content_type, path, body) in good_calls() {
        for (script, status, code) in [
            ("status = 500", 502, "upstream_error"),
            ("status = 401", 502, "upstream_credentials"),
            ("status = 402", 503, "upstream_funds"),
            ("status = 429\nheaders = { retry-after = 7 }", 429, "rate_limit_exceeded"),
            (
                "garbage = \"<html>\"\nheaders = { content-type = \"text/html\" }",
                502,
                "upstream_error",
            ),
            ("cut_after = 0", 502, "upstream_error"),
        ] {
            scene.upstream.play(&format!("[[answer]]\n{script}\n"));
            let headers = [("content-type", content_type)];
            let answer = scene.client().post(path, &headers, body.clone()).await;
            scene.refused(&answer, status, code);
        }
        scene.upstream.play("[[answer]]\nstatus = 422\nbody = { error = { message = \"no\" } }\n");
        let theirs = scene.client().post(path, &[("content-type", content_type)], body).await;
        assert_eq!((theirs.status, theirs.text().as_str()), (422, r#"{"error":{"message":"no"}}"#));
    }
    scene.tells_nothing(&scene.bastion.log.text());
}

#[tokio::test]
async fn each_kind_is_counted_in_its_own_measure() {
    let scene = scene();
    let usage = async |path: &str, content_type: &str, body: Bytes| {
        let answer = scene.client().post(path, &[("content-type", content_type)], body).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let call = record(&scene, &answer).await;
        assert_eq!(call["usage"]["estimated"], false, "{path}: {call}");
        call["usage"].clone()
    };
    let json = "application/json";
    let of = |text: &'static str| Bytes::from_static(text.as_bytes());
    let told = usage(
        COMPLETIONS,
        json,
        of(r#"{"model":"words","prompt":["12345","1"],"max_tokens":5,"n":2}"#),
    )
    .await;
    assert_eq!((&told["input_tokens"], &told["output_tokens"]), (&json!(3), &json!(20)));
    let told =
        usage(RESPONSES, json, of(r#"{"model":"words","input":"12345","max_output_tokens":5}"#))
            .await;
    assert_eq!((&told["input_tokens"], &told["output_tokens"]), (&json!(2), &json!(5)));
    let told = usage(
        RESPONSES,
        json,
        of(r#"{"model":"words","input":"12345","max_output_tokens":6,"stream":true}"#),
    )
    .await;
    assert_eq!((&told["input_tokens"], &told["output_tokens"]), (&json!(2), &json!(6)));
    let told = usage(EMBEDDINGS, json, of(r#"{"model":"vectors","input":[[1,2,3],[4]]}"#)).await;
    assert_eq!((&told["input_tokens"], &told["output_tokens"]), (&json!(4), &json!(0)));
    let told = usage(IMAGES, json, of(r#"{"model":"pictures","prompt":"a","n":3}"#)).await;
    assert_eq!((&told["images"], &told["input_tokens"]), (&json!(3), &json!(0)));
    let told =
        usage(SPEECH, json, of("{\"text\":\"h\\u00e9llo é\",\"language_code\":\"en-us\"}")).await;
    assert_eq!((&told["characters"], &told["output_tokens"]), (&json!(7), &json!(0)));
    let form = |format| {
        Form::default()
            .file(&vec![0; 24_000])
            .text("model", "ears")
            .text("response_format", format)
            .whole()
    };
    let told = usage(TRANSCRIPTIONS, CONTENT_TYPE.1, form("json")).await;
    assert_eq!(told["audio_ms"], json!(2000), "whole seconds, as the upstream says");
    let told = usage(TRANSCRIPTIONS, CONTENT_TYPE.1, form("verbose_json")).await;
    assert_eq!(told["audio_ms"], json!(2000));
}

#[tokio::test]
async fn what_was_not_reported_is_estimated_and_says_so() {
    let scene: Scene = scene();
    let form = Form::default()
        .file(&vec![0; 24_000])
        .text("model", "ears")
        .text("response_format", "text")
        .whole();
    let answer = scene.client().post(TRANSCRIPTIONS, &[CONTENT_TYPE], form).await;
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let call = record(&scene, &answer).await;
    assert_eq!(
        (&call["usage"]["audio_ms"], &call["usage"]["estimated"]),
        (&json!(1500), &json!(true))
    );
    scene.upstream.play("[[answer]]\ncut_after = 30\n");
    for (path, body, measure) in [
        (IMAGES, r#"{"model":"pictures","prompt":"a","n":3}"#, "images"),
        (EMBEDDINGS, r#"{"model":"vectors","input":"a"}"#, "input_tokens"),
        (COMPLETIONS, r#"{"model":"words","prompt":"a","max_tokens":3}"#, "output_tokens"),
    ] {
        let answer = scene.client().post(path, &[], body).await;
        scene.refused(&answer, 502, "upstream_error");
        let call = record(&scene, &answer).await;
        assert_eq!(call["usage"]["estimated"], true, "{path}: {call}");
        assert!(call["usage"][measure].as_u64().unwrap() >= 3, "{path}: {call}");
    }
}

#[tokio::test]
async fn a_recording_that_is_paid_by_the_minute_has_a_length_whatever_is_reported() {
    let priced = "kind = \"transcription\"\nprice = { audio_minute = \"0.006\" }\n[models.tts";
    let models = MODELS.replace("kind = \"transcription\"\n[models.tts", priced);
    assert_ne!(models, MODELS);
    let scene = Scene::with(|config| config + &models);
    let body = "{ text = \"a\", usage = { input_tokens = 5, output_tokens = 3 } }";
    scene.upstream.play(&format!("[[answer]]\nstatus = 200\nbody = {body}\n"));
    let form = Form::default().file(&vec![0; 24_000]).text("model", "ears").whole();
    let answer = scene.client().post(TRANSCRIPTIONS, &[CONTENT_TYPE], form).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = record(&scene, &answer).await;
    let used = &call["usage"];
    assert_eq!((&used["audio_ms"], &used["estimated"]), (&json!(1500), &json!(true)), "{call}");
    assert_eq!((&used["input_tokens"], &call["cost"]), (&json!(5), &json!("0.00015")), "{call}");
}
