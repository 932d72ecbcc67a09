//! Generated answers: the contract's shapes, the same under a seed.
//!
//! They must never hold anything of the prompt.

use bastion_sim::{Pace, SimOptions};
use serde_json::Value;
use std::time::Duration;

use crate::client::{CHAT, End, KEY, PLAIN, STREAM, chat, get, send};
use crate::upstream::Upstream;

const USAGE: &str = r#"{"model":"Qwen3-32B","messages":[{"role":"user","content":"a secret prompt"}],"stream":true,"stream_options":{"include_usage":true}}"#;

fn chunks(events: &[&str]) -> Vec<Value> {
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(*done, "[DONE]");
    chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect()
}

fn told(chunks: &[Value], field: &str) -> String {
    chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"][field].as_str()).collect()
}

#[tokio::test]
async fn another_seed_or_another_body_gives_another_answer() {
    let (one, two) = (Upstream::seeded(1), Upstream::seeded(2));
    let answer = chat(one.address, PLAIN).await;
    assert_ne!(answer.body, chat(two.address, PLAIN).await.body);
    assert_ne!(answer.body, chat(one.address, &PLAIN.replace("secret", "SECRET")).await.body);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_bytes() {
    let (one, two) = (Upstream::seeded(7), Upstream::seeded(7));
    for body in [PLAIN, STREAM, USAGE] {
        let (a, b) = (chat(one.address, body).await, chat(two.address, body).await);
        assert_eq!(a.body, b.body);
        assert_eq!(a.header("x-request-id"), b.header("x-request-id"));
    }
}

#[tokio::test]
async fn an_unstreamed_answer_says_that_it_is_simulated_and_nothing_of_the_prompt() {
    let upstream = Upstream::seeded(1);
    let reply = chat(upstream.address, PLAIN).await;
    assert_eq!((reply.status, reply.end), (200, End::Clean));
    assert_eq!(reply.header("x-simulated"), Some("true"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("x-request-id"), Some("sim-1"));
    assert!(!reply.text().contains("secret"));
    let body = reply.json();
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["system_fingerprint"], "simulated");
    let text = body["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(text.starts_with("This is a simulated answer to a prompt of 15 bytes."), "{text}");
    assert!((20..=120).contains(&text.split(' ').count()));
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    let completion = u64::try_from(text.len().div_ceil(4)).unwrap();
    assert_eq!(body["usage"]["prompt_tokens"], 4);
    assert_eq!(body["usage"]["completion_tokens"], completion);
    assert_eq!(body["usage"]["total_tokens"], completion + 4);
    assert_eq!(body["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    assert_eq!(body["usage"]["completion_tokens_details"]["reasoning_tokens"], 0);
}

#[tokio::test]
async fn usage_comes_only_when_asked_and_then_last_with_empty_choices() {
    let upstream = Upstream::seeded(1);
    let silent = chat(upstream.address, STREAM).await;
    assert!(!silent.text().contains("usage"));
    let reply = chat(upstream.address, USAGE).await;
    let chunks = chunks(&reply.events());
    let (last, others) = chunks.split_last().unwrap();
    assert_eq!(last["choices"], serde_json::json!([]));
    assert!(last["usage"]["total_tokens"].as_u64().unwrap() > 4);
    for chunk in others {
        assert!(chunk.as_object().unwrap().contains_key("usage"));
        assert_eq!(chunk["usage"], Value::Null);
        assert_eq!(chunk["choices"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_stream_is_told_word_by_word_to_its_end() {
    let upstream = Upstream::seeded(1);
    let reply = chat(upstream.address, STREAM).await;
    assert_eq!(reply.end, End::Clean);
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    assert_eq!(reply.header("cache-control"), Some("no-cache, no-transform"));
    assert_eq!(reply.header("x-accel-buffering"), Some("no"));
    assert!(!reply.text().contains("secret"));
    let chunks = chunks(&reply.events());
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert!(told(&chunks, "content").starts_with("This is a simulated answer"));
    assert!(chunks.len() > 20);
    let last = chunks.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert_eq!(last["choices"][0]["delta"], serde_json::json!({}));
}

#[tokio::test]
async fn a_reasoning_model_thinks_before_it_answers() {
    let upstream = Upstream::seeded(1);
    let body = USAGE.replace("Qwen3-32B", "gpt-oss-20b");
    let reply = chat(upstream.address, &body).await;
    let chunks = chunks(&reply.events());
    assert!(chunks[1]["choices"][0]["delta"]["reasoning_content"].is_string());
    assert!(told(&chunks, "reasoning_content").starts_with("This is simulated reasoning"));
    let usage = &chunks.last().unwrap()["usage"];
    assert!(usage["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn a_limit_ends_with_length_and_choices_are_as_many_as_asked() {
    let upstream = Upstream::seeded(1);
    let limited = PLAIN.replace("\"messages\"", "\"max_tokens\":3,\"n\":2,\"messages\"");
    let body = chat(upstream.address, &limited).await.json();
    assert_eq!(body["choices"].as_array().unwrap().len(), 2);
    for choice in body["choices"].as_array().unwrap() {
        assert_eq!(choice["message"]["content"], "This is a si");
        assert_eq!(choice["finish_reason"], "length");
    }
    assert_eq!(body["usage"]["completion_tokens"], 6);
}

#[tokio::test]
async fn wrong_requests_get_the_contracts_answers() {
    let upstream = Upstream::seeded(1);
    let at = upstream.address;
    let check = async |method: &str, path: &str, body: &str, status: u16, code: &str| {
        let reply = send(at, method, path, Some(KEY), body.as_bytes()).await;
        assert_eq!((reply.status, reply.code().as_str()), (status, code), "{method} {path} {body}");
        assert_eq!(reply.header("x-simulated"), Some("true"));
        assert!(!reply.text().contains("a secret prompt"));
    };
    check("POST", CHAT, "{\"a secret prompt\"", 400, "invalid_request").await;
    check("POST", CHAT, "\"a secret prompt\"", 400, "invalid_request").await;
    check("POST", CHAT, "{}", 400, "invalid_request").await;
    let other = PLAIN.replace("Qwen3-32B", "gpt-9");
    check("POST", CHAT, &other, 404, "model_not_found").await;
    let embeds = PLAIN.replace("Qwen3-32B", "bge-m3");
    check("POST", CHAT, &embeds, 404, "model_not_found").await;
    check("GET", CHAT, "", 405, "method_not_allowed").await;
    check("POST", "/v1/models", "", 405, "method_not_allowed").await;
    check("GET", "/v1/models/gpt-9", "", 404, "model_not_found").await;
    check("GET", "/v1/models/", "", 404, "not_found").await;
    check("GET", "/v1", "", 404, "not_found").await;
    check("POST", "/v1/fine_tuning/jobs", PLAIN, 404, "not_found").await;
    let wrong = send(at, "PUT", CHAT, Some(KEY), b"").await;
    assert_eq!(wrong.header("allow"), Some("POST"));
}

#[tokio::test]
async fn a_body_past_the_limit_is_413() {
    let upstream = Upstream::seeded(1);
    let body = vec![b' '; 64 * 1024 * 1024 + 1];
    let reply = send(upstream.address, "POST", CHAT, Some(KEY), &body).await;
    assert_eq!((reply.status, reply.code().as_str()), (413, "payload_too_large"));
}

#[tokio::test]
async fn models_are_the_public_catalogue_and_those_of_the_options() {
    let more_models = vec!["house-model".to_owned()];
    let upstream = Upstream::start(SimOptions { more_models, ..SimOptions::default() });
    let list = get(upstream.address, "/v1/models").await.json();
    assert_eq!(list["object"], "list");
    let ids: Vec<_> = list["data"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids.len(), 23);
    assert!(ids.iter().any(|id| *id == "gpt-oss-20b") && ids.iter().any(|id| *id == "bge-m3"));
    let one = get(upstream.address, "/v1/models/house-model").await.json();
    assert_eq!((&one["id"], &one["object"]), (&"house-model".into(), &"model".into()));
    let body = PLAIN.replace("Qwen3-32B", "house-model");
    assert_eq!(chat(upstream.address, &body).await.status, 200);
}

#[tokio::test]
async fn a_realistic_pace_takes_its_time() {
    let pace = Pace::Realistic {
        first_token: Duration::from_millis(30),
        per_token: Duration::from_micros(100),
    };
    let upstream = Upstream::start(SimOptions { pace, ..SimOptions::default() });
    for body in [PLAIN, STREAM] {
        let began = tokio::time::Instant::now();
        assert_eq!(chat(upstream.address, body).await.end, End::Clean);
        assert!(began.elapsed() >= Duration::from_millis(30));
    }
}
