//! The endpoints, streamed and not, through the real binary: what goes on, what comes back, what is
//! counted. One file each; what holds for all of them stands in `every`.
//!
//! An answer must never differ from what the upstream says to the same bytes.

mod bad_forms;
mod bad_requests;
mod completions;
mod embeddings;
mod every;
mod form;
mod images;
mod models;
mod responses;
mod speech;
mod transcriptions;

use serde_json::Value;

use crate::bastion::UPSTREAM_KEY;
use crate::client::{Answer, Client};
use crate::scene::Scene;

/// Where each is asked.
const COMPLETIONS: &str = "/v1/completions";
const RESPONSES: &str = "/v1/responses";
const EMBEDDINGS: &str = "/v1/embeddings";
const IMAGES: &str = "/v1/images/generations";
const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";
const SPEECH: &str = "/api/v1/tts/text_to_audio";

/// Models of every kind: under their upstream's name, and under one of ours.
const MODELS: &str = r#"
[models.Qwen3-32B]
upstream = "simulated"
kind = ["chat", "completions", "responses"]
[models.words]
upstream = "simulated"
upstream_model = "Qwen3-32B"
kind = ["completions", "responses"]
[models.bge-m3]
upstream = "simulated"
kind = "embeddings"
[models.vectors]
upstream = "simulated"
upstream_model = "bge-m3"
kind = "embeddings"
[models.stable-diffusion-xl-base-v10]
upstream = "simulated"
kind = "image"
[models.pictures]
upstream = "simulated"
upstream_model = "stable-diffusion-xl-base-v10"
kind = "image"
[models.whisper-large-v3]
upstream = "simulated"
kind = "transcription"
[models.ears]
upstream = "simulated"
upstream_model = "whisper-large-v3"
kind = "transcription"
[models.tts-en-us]
upstream = "simulated"
kind = "speech"
languages = ["en-US"]
[models.one-voice]
upstream = "simulated"
kind = "speech"
languages = ["de-DE"]
voices = ["Ada"]
"#;

/// A gateway with models of every kind.
fn scene() -> Scene {
    Scene::with(|config| config + MODELS)
}

/// The same, with time for what is large on a busy machine.
fn roomy_scene() -> Scene {
    let longer = |config: String| {
        let answer = config.replace("answer = \"2s\"", "answer = \"20s\"");
        answer.replace("body = \"2s\"", "body = \"20s\"") + MODELS
    };
    Scene::with(longer)
}

/// The same, with three attempts and no wait between them.
fn patient_scene() -> Scene {
    Scene::with(|config| config.replace("attempts = 1", "attempts = 3\nbase = \"1ms\"") + MODELS)
}

/// A caller of the upstream itself.
fn direct(scene: &Scene) -> Client {
    Client::with_text(scene.upstream.address, UPSTREAM_KEY)
}

/// Sends a body through the gateway and the body that left it to the upstream directly: the answers
/// must be the same bytes. Gives the gateway's, and the body that left it.
async fn passes(scene: &Scene, path: &str, body: &str) -> (Answer, String) {
    let answer = scene.client().post(path, &[], body.to_owned()).await;
    assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text());
    let sent = scene.upstream.log.entries().last().unwrap().body.to_string();
    let expected = direct(scene).post(path, &[], sent.clone()).await;
    assert_eq!(answer.body, expected.body, "{path}: {}", answer.text());
    assert_eq!(answer.header("content-type"), expected.header("content-type"));
    (answer, sent)
}

/// The record of an answered call.
async fn record(scene: &Scene, answer: &Answer) -> Value {
    scene.bastion.last_call(answer.header("x-request-id")).await
}

/// Checks a refusal and its field; nothing of it reached the upstream.
async fn refused(scene: &Scene, path: &str, body: &str, expect: (u16, &str, Option<&str>)) {
    let answer = scene.client().post(path, &[], body.to_owned()).await;
    let (status, code, param) = expect;
    scene.refused(&answer, status, code);
    assert_eq!(answer.json()["error"]["param"].as_str(), param, "{path}: {}", answer.text());
    assert_eq!(scene.upstream.log.entries().len(), 0, "{path} {body}");
}
