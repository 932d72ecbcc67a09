//! A stream's usage: asked for on the caller's behalf, charged exactly, shown to who asked.
//!
//! A test here compares bytes: what is spliced in, and what is taken out, is one thing alone.

use serde_json::{Value, json};

use super::stage::{Act, DONE, ROLE, Stage, say, wait_ms, whole, word};
use crate::bastion::Bastion;
use crate::client::{Answer, STREAM};
use crate::scene::Scene;

const USAGE: &str = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\
    \"completion_tokens\":7,\"total_tokens\":18,\"prompt_tokens_details\":{\"cached_tokens\":4},\
    \"completion_tokens_details\":{\"reasoning_tokens\":3}}}\n\n";

async fn usage(bastion: &Bastion, answer: &Answer) -> Value {
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["stream"], &call["code"]), (&json!("whole"), &Value::Null), "{call}");
    call["usage"].clone()
}

fn reported() -> Value {
    json!({"input_tokens": 11, "cached_input_tokens": 4, "cache_write_tokens": 0,
        "output_tokens": 7, "reasoning_tokens": 3, "images": 0, "audio_ms": 0, "characters": 0,
        "stated_cost": null, "estimated": false})
}

/// A body, and what the upstream must get instead.
const NOT_ASKED: [(&str, &str); 9] = [
    (
        r#"{"model":"gpt-oss-20b","stream":true,"messages":[],"seed":123456789012345678901234567890}"#,
        r#"{"stream_options":{"include_usage":true},"model":"gpt-oss-20b","stream":true,"messages":[],"seed":123456789012345678901234567890}"#,
    ),
    (
        " {\n\t\"model\" : \"gpt-oss-20b\", \"stream\":true,\"messages\":[] , \"z\" : 1.50 }\n",
        " {\"stream_options\":{\"include_usage\":true},\n\t\"model\" : \"gpt-oss-20b\", \"stream\":true,\"messages\":[] , \"z\" : 1.50 }\n",
    ),
    (
        r#"{"stream_options": null ,"model":"gpt-oss-20b","stream":true,"messages":[]}"#,
        r#"{"stream_options": {"include_usage":true} ,"model":"gpt-oss-20b","stream":true,"messages":[]}"#,
    ),
    (
        r#"{"model":"gpt-oss-20b","stream":true,"messages":[],"stream_options":{"a":[1,{}],"include_usage" : false ,"b":2}}"#,
        r#"{"model":"gpt-oss-20b","stream":true,"messages":[],"stream_options":{"a":[1,{}],"include_usage" : true ,"b":2}}"#,
    ),
    (
        r#"{"model":"gpt-oss-20b","stream":true,"messages":[],"stream_options":{"include_usage":null}}"#,
        r#"{"model":"gpt-oss-20b","stream":true,"messages":[],"stream_options":{"include_usage":true}}"#,
    ),
    (
        r#"{"model":"gpt-oss-20b","stream":true,"messages":[],"stream_options":{ }}"#,
        r#"{"model":"gpt-oss-20b","stream":true,"messages":[],"stream_options":{"include_usage":true }}"#,
    ),
    (
        r#"{"model":"gpt-oss-20b","stream":true,"messages":[],"stream_options":{"include_obfuscation":false}}"#,
        r#"{"model":"gpt-oss-20b","stream":true,"messages":[],"stream_options":{"include_usage":true,"include_obfuscation":false}}"#,
    ),
    (
        r#"{"model":"renamed","stream":true,"messages":[],"stream_options":{"include_usage":false}}"#,
        r#"{"model":"Qwen3-32B","stream":true,"messages":[],"stream_options":{"include_usage":true}}"#,
    ),
    (
        r#"{"stream_options":{},"stream":true,"messages":[],"model":"renamed"}"#,
        r#"{"stream_options":{"include_usage":true},"stream":true,"messages":[],"model":"Qwen3-32B"}"#,
    ),
];

#[tokio::test]
async fn who_does_not_ask_for_usage_sees_none_and_is_charged_exactly() {
    let sent = [ROLE, &word("a"), &word("the \\\"usage\\\":1"), USAGE, DONE].concat();
    let stage = Stage::playing(vec![whole(&sent)]).await;
    let (bastion, client) = stage.open(|config| config);
    for (body, expect) in NOT_ASKED {
        stage.play(vec![whole(&sent)]);
        let answer = client.chat(body).await;
        assert_eq!(answer.text(), sent.replace(USAGE, ""), "{body}");
        assert_eq!(stage.bodies(), [expect]);
        assert_eq!(usage(&bastion, &answer).await, reported(), "{body}");
    }
}

#[tokio::test]
async fn who_asks_for_usage_gets_it_and_nothing_is_changed() {
    let sent = [ROLE, &word("a"), USAGE, DONE].concat();
    let stage = Stage::playing(vec![whole(&sent)]).await;
    let (bastion, client) = stage.open(|config| config);
    let body = r#"{"model":"gpt-oss-20b","stream":true,"messages":[],"stream_options":{"include_usage" :true}}"#;
    let answer = client.chat(body).await;
    assert_eq!(answer.text(), sent);
    assert_eq!(stage.bodies(), [body]);
    assert_eq!(usage(&bastion, &answer).await, reported());
}

#[tokio::test]
async fn an_unstreamed_call_is_not_asked_for_usage() {
    let scene = Scene::set();
    let body =
        r#"{"model":"gpt-oss-20b","messages":[{"role":"user","content":"x"}],"stream":false}"#;
    assert_eq!(scene.client().chat(body).await.status, 200);
    assert_eq!(&*scene.upstream.log.entries()[0].body, body);
}

#[tokio::test]
async fn a_real_conversation_is_charged_as_the_upstream_counts() {
    let scene = Scene::set();
    let asked = STREAM
        .replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    let answer = scene.client().chat(&asked).await;
    let expect = usage(&scene.bastion, &answer).await;
    assert_eq!(expect["estimated"], false);
    let answer = scene.client().chat(STREAM).await;
    assert_eq!(usage(&scene.bastion, &answer).await, expect, "the same call, not asked");
    for frame in answer.text().split("\n\n").filter(|frame| frame.contains("\"usage\"")) {
        assert!(frame.contains("\"usage\":null"), "{frame}");
    }
}

#[tokio::test]
async fn an_engine_that_refuses_the_option_gets_the_body_untouched() {
    let unreported = [ROLE, &word("abcdefgh"), DONE].concat();
    let unasked = [ROLE, &word("abcdefgh"), USAGE, DONE].concat();
    let stage = Stage::playing(vec![]).await;
    let (bastion, client) =
        stage.open(|config| config.replace("[retry]", "usage_option = false\n[retry]"));
    let body = STREAM.replace("gpt-oss-20b", "renamed");
    stage.play(vec![whole(&unreported), whole(&unasked)]);
    let answer = client.chat(&body).await;
    assert_eq!(answer.text(), unreported);
    let told = usage(&bastion, &answer).await;
    assert_eq!(told["estimated"], true, "{told}");
    assert_eq!(told["input_tokens"], body.len().div_ceil(4), "{told}");
    // Eight letters in one event.
    assert_eq!(told["output_tokens"], 2, "{told}");
    // It reports although nobody asked: that is the truth, and none of the caller's business.
    let answer = client.chat(&body).await;
    assert_eq!(answer.text(), unreported);
    assert_eq!(usage(&bastion, &answer).await, reported());
    let sent = STREAM.replace("gpt-oss-20b", "Qwen3-32B");
    assert_eq!(stage.bodies(), [sent.clone(), sent]);
}

#[tokio::test]
async fn usage_on_a_chunk_with_content_stays() {
    let with = |usage: &str| word("end").replace("]}\n\n", &format!("],\"usage\":{usage}}}\n\n"));
    let null = with("null");
    let last = with("{\"prompt_tokens\":11,\"completion_tokens\":7}");
    let sent = [ROLE, &null, &last, DONE].concat();
    let stage = Stage::playing(vec![whole(&sent)]).await;
    let (bastion, client) = stage.open(|config| config);
    let answer = client.chat(STREAM).await;
    assert_eq!(answer.text(), sent);
    let told = usage(&bastion, &answer).await;
    assert_eq!((&told["output_tokens"], &told["estimated"]), (&json!(7), &json!(false)));
}

#[tokio::test]
async fn a_report_from_before_a_cut_is_not_taken_for_all_that_was_used() {
    let early = "],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":0}}\n\n";
    let first = word("begin").replace("]}\n\n", early);
    let acts = vec![Act::Head, say(&first), say(word("much more")), wait_ms(20), Act::Cut];
    let stage = Stage::playing(vec![acts]).await;
    let (bastion, client) = stage.open(|config| config);
    let answer = client.chat(STREAM).await;
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!(call["stream"], "interrupted", "{call}");
    assert_eq!(call["usage"]["estimated"], true, "{call}");
    assert!(call["usage"]["output_tokens"].as_u64().unwrap() > 1, "{call}");
}

#[tokio::test]
async fn the_usage_is_dropped_whole_wherever_the_stream_is_split() {
    for end in ["\n", "\r\n", "\r"] {
        let line = |text: &str| text.replace('\n', end);
        let before = line(&word("a"));
        let sent = line(&[&word("a"), USAGE, DONE].concat());
        let expect = line(&[&word("a"), DONE].concat());
        let stage = Stage::playing(vec![]).await;
        let (_bastion, client) = stage.open(|config| config);
        let cuts = before.len() - 4..=sent.len();
        let split = |at: usize| {
            let (one, other) = sent.split_at(at);
            let other = if other.is_empty() { wait_ms(0) } else { say(other) };
            vec![Act::Head, say(one), wait_ms(1), other, Act::End]
        };
        stage.play(cuts.clone().map(split).collect());
        for at in cuts {
            let came = client.chat(STREAM).await.text();
            assert_eq!(came, expect, "split at {at} of {sent:?}");
        }
    }
}

#[tokio::test]
async fn a_report_that_cannot_be_is_none() {
    let absurd = [
        "{\"prompt_tokens\":-1,\"completion_tokens\":7}",
        "{\"prompt_tokens\":99999999999999999999,\"completion_tokens\":7}",
        "{\"prompt_tokens\":\"11\",\"completion_tokens\":7}",
        "{\"prompt_tokens\":1.5}",
        "[]",
        "true",
    ];
    let stage = Stage::playing(vec![]).await;
    let (bastion, client) = stage.open(|config| config);
    let stream = |usage: &str| {
        let frame = format!("data: {{\"choices\":[],\"usage\":{usage}}}\n\n");
        whole([word("abcdefgh"), frame, DONE.to_owned()].concat())
    };
    stage.play(absurd.map(stream).to_vec());
    for usage_text in absurd {
        let answer = client.chat(STREAM).await;
        assert_eq!(answer.text(), word("abcdefgh") + DONE, "{usage_text}");
        let told = usage(&bastion, &answer).await;
        assert_eq!(told["estimated"], true, "{usage_text}: {told}");
        assert!(told["output_tokens"].as_u64().unwrap() > 1, "{usage_text}: {told}");
    }
}
