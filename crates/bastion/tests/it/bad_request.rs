//! Bad requests: each is refused with its row of the contract, and nothing of it goes on.
//!
//! No test here may let a bad request pass by chance: each checks that the upstream got nothing,
//! that a good call passes afterwards, and that neither answer nor log repeats a key or a prompt.

mod head;
mod length;
mod slow;

use crate::bastion::{Bastion, LIMIT};
use crate::client::Client;
use crate::scene::{CHAT, PROMPT, Scene};
use crate::upstream::Upstream;

/// A chat request with one more field.
fn with_field(field: &str, value: &str) -> String {
    format!(r#"{{"model":"gpt-oss-20b","messages":[{{"content":"{PROMPT}"}}],"{field}":{value}}}"#)
}

#[tokio::test]
async fn what_is_not_one_json_object_is_refused_with_its_place_and_not_its_content() {
    let scene = Scene::set();
    let cut = Scene::good_body();
    let bodies: [(Vec<u8>, &str); 13] = [
        (b"".to_vec(), "ends in the middle"),
        (b"  \r\n".to_vec(), "ends in the middle"),
        (cut[..cut.len() - 1].into(), "ends in the middle"),
        (format!("{{{PROMPT}}}").into(), "not valid JSON at line 1, column 2"),
        (format!("{{\n'model': '{PROMPT}'}}").into(), "not valid JSON at line 2, column 1"),
        (format!("{cut} {{}}").into(), "not valid JSON"),
        (format!("\u{feff}{cut}").into(), "not valid JSON"),
        (format!("{cut}\0").into(), "not valid JSON"),
        (with_field("seed", "NaN").into(), "not valid JSON"),
        (with_field("seed", "1,").into(), "not valid JSON"),
        (format!("[{cut}]").into(), "must be a JSON object"),
        (format!("\"{PROMPT}\"").into(), "must be a JSON object"),
        (b"null".to_vec(), "must be a JSON object"),
    ];
    for (body, says) in bodies {
        let shown = String::from_utf8_lossy(&body).into_owned();
        let answer = scene.client().post(CHAT, &[], body).await;
        scene.refused(&answer, 400, "invalid_request");
        assert!(answer.text().contains(says), "{shown}: {}", answer.text());
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_body_that_is_not_utf8_is_refused_at_its_byte() {
    let scene = Scene::set();
    let whole = Scene::good_body();
    let at = whole.find(PROMPT).unwrap();
    for wrong in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82", b"\x1f\x8b\x08\x00"] {
        let body = [&whole.as_bytes()[..at], wrong, &whole.as_bytes()[at..]].concat();
        let answer = scene.client().post(CHAT, &[], body).await;
        scene.refused(&answer, 400, "invalid_request");
        let utf8 = std::str::from_utf8(wrong).is_err();
        assert!(!utf8 || answer.text().contains("not UTF-8 at byte"), "{}", answer.text());
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_field_that_policy_reads_must_have_its_type() {
    let scene = Scene::set();
    let long = format!("\"{}\"", "u".repeat(257));
    let counts = ["\"5\"", "0", "-1", "1.5", "1e3", "[]", "{}", "true", "99999999999999999999"];
    let users = ["5", "[]", "{}", "true", "\"\\ud800\"", "\"a\\u0000b\"", "\"a\\nb\"", &long];
    let flags = ["\"yes\"", "1", "0", "[]", "{}", "\"true\""];
    let fields: [(&str, &[&str]); 8] = [
        ("stream", &flags),
        ("store", &flags),
        ("max_tokens", &counts),
        ("max_completion_tokens", &counts),
        ("n", &counts),
        ("n", &["129"]),
        ("user", &users),
        ("safety_identifier", &users),
    ];
    for (field, values) in fields {
        for value in values {
            let answer = scene.client().chat(&with_field(field, value)).await;
            scene.refused(&answer, 400, "invalid_request");
            assert_eq!(answer.json()["error"]["param"], field, "{field}: {value}");
            assert!(answer.text().contains(&format!("'{field}' must be")), "{}", answer.text());
        }
    }
    for value in ["5", "[]", "{}", "true", "\"\\ud800\""] {
        let body = format!(r#"{{"model":{value},"messages":["{PROMPT}"]}}"#);
        let answer = scene.client().chat(&body).await;
        scene.refused(&answer, 400, "invalid_request");
        assert_eq!(answer.json()["error"]["param"], "model", "{value}");
    }
    for value in ["5", "{}", "true", &format!("\"{PROMPT}\"")] {
        let body = format!(r#"{{"model":"gpt-oss-20b","messages":{value}}}"#);
        let answer = scene.client().chat(&body).await;
        scene.refused(&answer, 400, "invalid_request");
        assert_eq!(answer.json()["error"]["param"], "messages", "{value}");
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_required_field_that_is_missing_is_named() {
    let scene = Scene::set();
    let bodies = [
        ("{}".to_owned(), "model"),
        (format!(r#"{{"messages":["{PROMPT}"]}}"#), "model"),
        (format!(r#"{{"model":null,"messages":["{PROMPT}"]}}"#), "model"),
        (format!(r#"{{"x":{{"model":"gpt-oss-20b"}},"messages":["{PROMPT}"]}}"#), "model"),
        (r#"{"model":"gpt-oss-20b"}"#.to_owned(), "messages"),
        (r#"{"model":"gpt-oss-20b","messages":null}"#.to_owned(), "messages"),
    ];
    for (body, field) in bodies {
        let answer = scene.client().chat(&body).await;
        scene.refused(&answer, 400, "invalid_request");
        assert_eq!(answer.json()["error"]["param"], field, "{body}");
        assert!(answer.text().contains(&format!("'{field}' is missing")), "{}", answer.text());
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_field_in_other_letters_is_refused_for_who_would_take_it_for_ours() {
    let scene = Scene::set();
    for (field, capitals) in [("model", "Model"), ("stream", "STREAM"), ("store", "\\u017ftore")] {
        let answer = scene.client().chat(&with_field(capitals, "\"x\"")).await;
        scene.refused(&answer, 400, "invalid_request");
        assert_eq!(answer.json()["error"]["param"], field, "{capitals}");
        assert!(answer.text().contains(&format!("write '{field}'")), "{}", answer.text());
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_key_that_policy_reads_may_not_stand_twice_however_it_is_spelled() {
    let scene = Scene::set();
    let twice = [
        ("model", "\"renamed\""),
        ("messages", "[]"),
        ("stream", "false"),
        ("stream_options", "{}"),
        ("store", "false"),
        ("max_tokens", "5"),
        ("max_completion_tokens", "5"),
        ("n", "1"),
        ("user", "\"u\""),
        ("safety_identifier", "\"u\""),
    ];
    for (field, value) in twice {
        let first = u32::from(field.chars().next().unwrap());
        let escaped = format!("\\u{first:04x}{}", &field[1..]);
        for second in [field, &escaped] {
            let required = matches!(field, "model" | "messages");
            let pair = format!("\"{field}\":{value},");
            let once = if required { "" } else { &pair };
            let body = format!(
                r#"{{"model":"gpt-oss-20b",{once}"messages":["{PROMPT}"],"{second}":{value}}}"#
            );
            let answer = scene.client().chat(&body).await;
            scene.refused(&answer, 400, "invalid_request");
            assert!(
                answer.text().contains(&format!("'{field}' stands twice")),
                "{body}: {}",
                answer.text()
            );
        }
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn nesting_beyond_any_sense_is_refused_at_once() {
    let scene = Scene::set();
    let (deep, array) = (100_000, |depth: usize| "[".repeat(depth) + &"]".repeat(depth));
    let objects = "{\"a\":".repeat(deep) + "1" + &"}".repeat(deep);
    let bodies = [
        "[".repeat(deep),
        array(deep),
        with_field("x", &array(deep)),
        with_field("x", &objects),
        format!(r#"{{"model":"gpt-oss-20b","messages":{}}}"#, array(deep)),
        format!(r#"{{"model":{},"messages":[]}}"#, array(deep)),
        with_field("x", &format!("\"\\\"\",\"y\":{}", array(deep))),
        with_field("x", &array(128)),
    ];
    for body in bodies {
        let answer = scene.client().chat(&body).await;
        scene.refused(&answer, 400, "invalid_request");
        assert!(answer.text().contains("nests deeper than 128"), "{}", answer.text());
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_compressed_body_is_refused_and_not_opened() {
    let scene = Scene::set();
    for encoding in ["gzip", "br", "zstd", "deflate, gzip", "GZIP", "identity, gzip"] {
        let headers = [("content-encoding", encoding)];
        let answer = scene.client().post(CHAT, &headers, Scene::good_body()).await;
        scene.refused(&answer, 400, "invalid_request");
        assert!(answer.text().contains("compressed"), "{}", answer.text());
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn an_unknown_model_is_not_found_and_only_its_begin_is_repeated() {
    let scene = Scene::set();
    let endless = "x".repeat(10_000);
    for model in ["gpt-5", "", "GPT-OSS-20B", "gpt-oss-20b ", "../gpt-oss-20b", &endless] {
        let body = format!(r#"{{"model":"{model}","messages":["{PROMPT}"]}}"#);
        let answer = scene.client().chat(&body).await;
        scene.refused(&answer, 404, "model_not_found");
        assert_eq!(answer.json()["error"]["param"], "model");
        assert!(answer.text().len() < 500, "{}", answer.text());
    }
    let answer = scene.client().chat(r#"{"model":"a\u001b[2J\r\nb","messages":[]}"#).await;
    scene.refused(&answer, 404, "model_not_found");
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(!message.contains(char::is_control), "{message:?}");
    let answer = scene.client().get("/v1/models/gpt-5").await;
    scene.refused(&answer, 404, "model_not_found");
    scene.goes_on().await;
}

#[tokio::test]
async fn a_call_that_wants_state_at_the_upstream_is_refused() {
    let scene = Scene::set();
    for body in [with_field("store", "true"), with_field("st\\u006fre", "true")] {
        let answer = scene.client().chat(&body).await;
        scene.refused(&answer, 400, "stateful_not_allowed");
        assert_eq!(answer.json()["error"]["param"], "store");
    }
    scene.goes_on().await;
    let answer = scene.client().chat(&with_field("store", "false")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn headers_that_promise_what_is_not_built_are_refused() {
    let scene = Scene::set();
    let headers = [("idempotency-key", "k-1"), ("Idempotency-Key", "")];
    for (name, value) in headers {
        let answer = scene.client().post(CHAT, &[(name, value)], Scene::good_body()).await;
        scene.refused(&answer, 400, "invalid_request");
        assert!(answer.text().contains("not in this version"), "{}", answer.text());
        assert_eq!(answer.json()["error"]["param"], name.to_lowercase());
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_delivery_that_nobody_knows_is_refused() {
    let scene = Scene::set();
    for value in ["", "Atomic", "whole"] {
        let headers = [("bastion-stream", value)];
        let answer = scene.client().post(CHAT, &headers, Scene::good_body()).await;
        scene.refused(&answer, 400, "invalid_request");
        assert_eq!(answer.json()["error"]["param"], "bastion-stream");
        assert!(answer.text().contains("must be 'atomic'"), "{}", answer.text());
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn an_end_users_id_that_is_too_long_is_refused() {
    let scene = Scene::set();
    let long = "u".repeat(257);
    for user in [long.as_str(), "us\u{e9}r"] {
        let answer = scene.client().post(CHAT, &[("bastion-user", user)], Scene::good_body()).await;
        scene.refused(&answer, 400, "invalid_request");
        assert_eq!(answer.json()["error"]["param"], "bastion-user");
    }
    scene.goes_on().await;
    let headers = [("bastion-user", &long[1..])];
    let answer = scene.client().post(CHAT, &headers, Scene::good_body()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_key_is_no_end_users_id_and_an_empty_one_names_nobody() {
    let scene = Scene::set();
    let key = scene.key.text.clone();
    let answer = scene.client().post(CHAT, &[("bastion-user", &key)], Scene::good_body()).await;
    scene.refused(&answer, 400, "invalid_request");
    assert!(!answer.text().contains(&key), "{}", answer.text());
    let in_body = Scene::good_body().replacen('{', &format!("{{\"user\":\"{key}\","), 1);
    let answer = scene.client().post(CHAT, &[], in_body).await;
    scene.refused(&answer, 400, "invalid_request");
    assert_eq!(answer.json()["error"]["param"], "user");
    let answer = scene.client().post(CHAT, &[("bastion-user", "")], Scene::good_body()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let call = scene.bastion.last_call(answer.header("x-request-id")).await;
    assert!(call["user"].is_null(), "{call}");
}

#[tokio::test]
async fn a_model_outside_the_environments_regions_is_never_asked() {
    let scene = Scene::set();
    let client = Client::new(scene.bastion.callers, &scene.bastion.key("quebec", &[]));
    for body in [Scene::good_body(), with_field("stream", "true")] {
        let answer = client.chat(&body).await;
        scene.refused(&answer, 503, "no_allowed_region");
        assert_eq!(answer.header("x-should-retry"), "false");
    }
    let listed = client.get("/v1/models").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 0, "{listed}");
    scene.goes_on().await;
}

#[tokio::test]
async fn bad_requests_leave_no_slot_taken_and_no_call_running() {
    let upstream = Upstream::start();
    let bastion = Bastion::before(upstream.address);
    let client = Client::new(bastion.callers, &bastion.key("dev", &["--concurrency", "1"]));
    for body in ["{", "{}", r#"{"model":"no","messages":[]}"#, &with_field("store", "true")] {
        assert!(client.chat(body).await.status >= 400);
        assert_eq!(client.chat(&Scene::good_body()).await.status, 200, "after {body}");
    }
    // The last call is answered before it is settled and recorded.
    let operators = Client::with_text(bastion.operators, "");
    let all_over = async {
        while !operators.get("/metrics").await.text().contains("bastion_calls_in_flight 0") {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, all_over).await.is_ok(), "a call runs on");
}
