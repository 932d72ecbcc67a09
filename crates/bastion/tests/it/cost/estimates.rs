//! What is charged where the upstream says nothing, or not all of it.
//!
//! A test here must never take less than may be owed for an exact amount.

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Till, nanos, price_of};
use crate::client::{Answer, CHAT, STREAM};

/// Names no limit.
const OPEN: &str = r#"{"model":"gpt-oss-20b","messages":[{"role":"user","content":"x"}]}"#;

/// Tokens that a bound adds around a prompt.
const TEMPLATE_TOKENS: i64 = 64;

/// With these settings of the first model.
fn model_with(settings: &'static str) -> Till {
    Till::with(|config| {
        let price = "price = { input = \"0.05\", output = \"0.20\" }\n";
        assert!(config.contains(price), "{config}");
        config.replacen(price, &format!("{price}{settings}\n"), 1)
    })
}

async fn call_of(till: &Till, answer: &Answer) -> Value {
    till.bastion.last_call(answer.header("x-request-id")).await
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap()
}

/// The text of an event, shown or thought; none where it says nothing.
fn said(event: &str) -> Option<&str> {
    let (_, text) = event.split_once("content\":\"")?;
    text.split('"').next().filter(|text| !text.is_empty())
}

#[tokio::test]
async fn an_event_of_a_stream_that_was_cut_is_a_token_not_its_bytes() {
    let till = Till::set();
    till.cap("5");
    till.upstream.play("[[answer]]\ncut_after = 20\n");
    let answer = till.client().chat(STREAM).await;
    let call = call_of(&till, &answer).await;
    assert_eq!(call["stream"], "interrupted", "{call}");
    let text = answer.text();
    let said: Vec<&str> = text.split("\n\n").filter_map(said).collect();
    let output = usize::try_from(call["usage"]["output_tokens"].as_u64().unwrap()).unwrap();
    assert!(said.len() > 10, "{text}");
    let most = said.len() + said.concat().len().div_ceil(4);
    assert!((said.len()..=most).contains(&output), "{output}, at most {most}: {text}");
    assert_eq!(nanos(&call["cost"]), price_of(&call), "{call}");
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn a_model_that_thinks_unseen_may_have_thought_all_it_was_allowed() {
    let till = model_with("reasoning = true");
    till.cap("5");
    let cut = |field: &str| {
        let event = format!(r#"data: {{"choices":[{{"delta":{{"{field}":"so"}}}}]}}"#);
        format!(
            "[[answer]]\nheaders = {{ content-type = \"text/event-stream\" }}\nbody = \"\"\"\n{}\n\n\"\"\"\n",
            event.replace('"', "\\\"")
        )
    };
    for (field, output) in [("content", 60), ("reasoning_content", 1)] {
        till.upstream.play(&cut(field));
        let answer = till.client().chat(STREAM).await;
        let call = call_of(&till, &answer).await;
        assert_eq!(call["stream"], "interrupted", "{call}");
        assert_eq!(call["usage"]["output_tokens"], output, "{field}: {call}");
        assert_eq!(nanos(&call["cost"]), price_of(&call), "{call}");
    }
    till.is_clean_with(2).await;
}

#[tokio::test]
async fn thinking_that_is_reported_beside_the_answer_is_paid() {
    let till = Till::set();
    till.upstream.play(
        "[[answer]]\nheaders = { content-type = \"application/json\" }\nbody = '{\"object\":\
         \"chat.completion\",\"choices\":[],\"usage\":{\"prompt_tokens\":32,\"completion_tokens\":9,\
         \"total_tokens\":81,\"completion_tokens_details\":{\"reasoning_tokens\":40}}}'\n",
    );
    let answer = till.client().chat(CHAT).await;
    let call = call_of(&till, &answer).await;
    assert_eq!(nanos(&call["cost"]), 32 * 50 + 49 * 200, "{call}");
    assert_eq!(call["usage"]["reasoning_tokens"], 40, "{call}");
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn an_attempt_of_which_nothing_is_known_costs_what_was_held() {
    let till = model_with("context_tokens = 10000");
    till.cap("5");
    till.upstream.play("[[answer]]\ncut_after = 1\n");
    let answer = till.client().chat(OPEN).await;
    let call = call_of(&till, &answer).await;
    assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()), "{}", answer.text());
    let attempts = call["attempts"].as_i64().unwrap();
    let held = (length(OPEN) + TEMPLATE_TOKENS) * 50 + 10_000 * 200;
    assert_eq!(nanos(&call["cost"]), attempts * held, "{call}");
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn a_caller_who_leaves_before_anything_came_costs_what_was_held() {
    let till = Till::with(|config| {
        let price = "output = \"0.20\" }\n";
        let dear = "output = \"0.20\", reasoning = \"0.50\" }\ncontext_tokens = 10000\n";
        config.replacen(price, dear, 1)
    });
    till.cap("5");
    till.upstream.play("[[answer]]\ndelay_ms = 3600000\n");
    let (key, body) = (till.key.text.clone(), OPEN);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut caller = TcpStream::connect(till.bastion.callers).await.unwrap();
    caller.write_all(request.as_bytes()).await.unwrap();
    till.upstream.wait_for(|all| all.iter().any(|entry| !entry.body.is_empty())).await;
    drop(caller);
    till.is_clean_with(1).await;
    let calls = till.bastion.calls_when(|calls| calls.len() == 1).await;
    let held = (length(OPEN) + TEMPLATE_TOKENS) * 50 + 10_000 * 500;
    assert_eq!(nanos(&calls[0]["cost"]), held, "thinking is the dearest: {}", calls[0]);
}

#[tokio::test]
async fn media_of_an_unknown_size_that_nobody_reports_fill_the_context() {
    let till = model_with("context_tokens = 10000");
    till.cap("5");
    till.upstream.play("[[answer]]\ncut_after = 10\n");
    let far = r#"[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]"#;
    let answer = till.client().chat(&STREAM.replace("\"x\"", far)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = call_of(&till, &answer).await;
    assert_eq!(call["usage"]["input_tokens"], 10_000, "{call}");
    till.is_clean_with(1).await;
}

/// A chat whose limit is said so; `words` more of the model's answer are not held by it.
fn limited(by: &str) -> String {
    CHAT.replace("\"max_tokens\":60", by)
}

#[tokio::test]
async fn a_limit_that_the_upstream_may_ignore_lowers_no_hold() {
    let settings = "context_tokens = 100000\nmax_output_tokens = 50000";
    let till = model_with(settings);
    // Room for a few tokens, not for all that the model can write.
    till.cap("0.005");
    for by in [
        "\"max_completion_tokens\":5",
        "\"max_output_tokens\":5",
        "\"max_tokens\":5,\"n_predict\":50000",
    ] {
        let answer = till.client().chat(&limited(by)).await;
        assert_eq!(answer.refusal(), (402, "cap_exceeded".to_owned()), "{by}: {}", answer.text());
    }
    assert_eq!(till.client().chat(&limited("\"max_tokens\":5")).await.status, 200);
    till.is_clean_with(1).await;
    let known = model_with(
        "context_tokens = 100000\nmax_output_tokens = 50000\nlimit_field = \"max_completion_tokens\"",
    );
    known.cap("0.005");
    assert_eq!(known.client().chat(&limited("\"max_completion_tokens\":5")).await.status, 200);
    known.is_clean_with(1).await;
}

#[tokio::test]
async fn a_limit_that_leaves_out_thinking_lowers_no_hold() {
    let settings = "context_tokens = 100000\nmax_output_tokens = 50000\nreasoning = true";
    let within = model_with(settings);
    within.cap("0.005");
    assert_eq!(within.client().chat(CHAT).await.status, 200);
    within.is_clean_with(1).await;
    let beside = model_with(
        "context_tokens = 100000\nmax_output_tokens = 50000\nreasoning = true\nlimits_thinking = false",
    );
    beside.cap("0.005");
    let answer = beside.client().chat(CHAT).await;
    assert_eq!(answer.refusal(), (402, "cap_exceeded".to_owned()), "{}", answer.text());
    beside.is_clean_with(0).await;
}

#[tokio::test]
async fn an_error_in_place_of_an_answer_costs_nothing() {
    let till = Till::set();
    till.cap("5");
    till.upstream.play(
        "[[answer]]\nheaders = { content-type = \"text/event-stream\" }\nbody = '''\ndata: \
         {\"error\":{\"message\":\"busy\"}}\n\n'''\n",
    );
    let answer = till.client().chat(STREAM).await;
    let call = call_of(&till, &answer).await;
    assert_eq!((call["status"].as_u64(), nanos(&call["cost"])), (Some(502), 0), "{call}");
    till.is_clean_with(1).await;
}

#[tokio::test]
async fn speech_that_is_refused_costs_nothing() {
    let till = Till::with(|config| {
        let speech = "[models.voice]\nupstream = \"simulated\"\nkind = \"speech\"\nlanguages = [\"en-US\"]\n\
                      price = { million_characters = \"15\" }\n";
        format!("{config}\n{speech}")
    });
    till.cap("5");
    let refusal = "[[answer]]\nstatus = 422\nheaders = { content-type = \"application/json\" }\nbody = \
                   '{\"error\":{\"message\":\"unknown voice\"}}'\n";
    till.upstream.play(refusal);
    let body = r#"{"text":"Hello to you.","language_code":"en-US"}"#;
    let answer = till.client().post("/api/v1/tts/text_to_audio", &[], body).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    let call = call_of(&till, &answer).await;
    assert_eq!((nanos(&call["cost"]), &call["usage"]["characters"]), (0, &0.into()), "{call}");
    till.is_clean_with(1).await;
}
