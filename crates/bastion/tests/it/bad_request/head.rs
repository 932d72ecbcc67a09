//! Bad heads: ambiguous, oversized or unknown ones, and what stands behind them on the connection.
//!
//! A body that was not read must never be taken for the next request.

use crate::client::Client;
use crate::scene::{CHAT, PROMPT, Scene};
use crate::wire::Wire;

/// The envelope, and then the end of the connection.
async fn refused(scene: &Scene, head: impl AsRef<[u8]>, status: u16, code: &str) {
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send_what_is_taken(head.as_ref()).await;
    let shown: String = String::from_utf8_lossy(head.as_ref()).chars().take(300).collect();
    let answer = wire.answer_or_end().await.unwrap_or_else(|| panic!("no answer: {shown:?}"));
    assert_eq!(answer.status, status, "{shown:?}");
    scene.refused(&answer, status, code);
    assert_eq!(answer.header("connection"), "close", "{shown:?}");
    wire.closed().await;
}

#[tokio::test]
async fn an_unknown_path_is_told_before_any_credential_is_looked_at() {
    let scene = Scene::set();
    let stranger = Client::with_text(scene.bastion.callers, "");
    let paths = [
        "/",
        "/v1",
        "/v1/",
        "/v1/chat/completions/",
        "/v1/chat%2Fcompletions",
        "/V1/models",
        "//v1/models",
        "/v1/models/",
        "/v1/models/%ff",
        "/v1/models/%",
        "/v1/embeddings/",
        "/v1/audio/speech",
        "/v1/tts/text_to_audio",
        "/admin/v1/keys",
        "/metrics",
        "/sim/log",
        "/v1/chat/completions%00",
    ];
    for path in paths {
        for client in [&stranger, &scene.client()] {
            scene.refused(&client.get(path).await, 404, "not_found");
            scene.refused(&client.post(path, &[], Scene::good_body()).await, 404, "not_found");
        }
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_wrong_method_is_told_with_the_right_one_before_any_credential_is_looked_at() {
    let scene = Scene::set();
    let cases = [
        ("GET", CHAT, "POST"),
        ("PUT", CHAT, "POST"),
        ("OPTIONS", CHAT, "POST"),
        ("DELETE", "/v1/models/gpt-oss-20b", "GET"),
        ("POST", "/v1/models", "GET"),
        ("PATCH", "/v1/models", "GET"),
        ("QUERY", "/v1/models", "GET"),
        ("TRACE", "/v1/models", "GET"),
    ];
    for (method, path, allowed) in cases {
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send(format!("{method} {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        let answer = wire.answer().await;
        scene.refused(&answer, 405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn an_ambiguous_head_is_400_and_the_connection_is_closed() {
    let scene = Scene::set();
    let good = Scene::good_body();
    let length = good.len();
    let plain = scene.head(&format!("content-length: {length}\r\n"));
    let chunked = format!("{length:x}\r\n{good}\r\n0\r\n\r\n");
    let heads = [
        scene.head(&format!("content-length: {length}\r\ncontent-length: 3\r\n")) + &good,
        scene.head(&format!("content-length: {length}, 3\r\n")) + &good,
        scene.head("content-length: -1\r\n") + &good,
        scene.head(&format!("content-length: +{length}\r\n")) + &good,
        scene.head("content-length: 0x10\r\n") + &good,
        scene.head("content-length: 18446744073709551616\r\n") + &good,
        scene.head("transfer-encoding: gzip\r\n") + &chunked,
        scene.head("transfer-encoding: chunked, gzip\r\n") + &chunked,
        scene.head("transfer-encoding: xchunked\r\n") + &chunked,
        scene.head("transfer-encoding: chunked\r\n").replace("HTTP/1.1", "HTTP/1.0") + &chunked,
        plain.replace("content-length:", "content-length :") + &good,
        plain.replace("host: ", "x-folded: a\r\n b\r\nhost: ") + &good,
        plain.replace("host: ", "x-control: a\x01b\r\nhost: ") + &good,
        plain.replace("host: ", "x-null: a\0b\r\nhost: ") + &good,
        plain.replace("host: ", "x-return: a\rb\r\nhost: ") + &good,
        plain.replace("host: ", "no-colon\r\nhost: ") + &good,
        plain.replace("host: ", ": no-name\r\nhost: ") + &good,
        plain.replace("HTTP/1.1", "HTTP/3.7") + &good,
        plain.replace(" HTTP/1.1", "") + &good,
        plain.replace("POST /", "POST  /") + &good,
        plain.replace("POST ", "PO(ST ") + &good,
        format!("\0\0\0{plain}{good}"),
        format!("\n{plain}{good}"),
        plain.replace("\r\n", "\n") + &good,
        plain.replacen("\r\n", "\n", 1) + &good,
        plain.replace("\r\n\r\n", "\r\n\n") + &good,
        plain.replace("host: ", "transfer-encoding: chunked\r\nhost: ") + &good,
        plain.replace("host: ", "transfer-encoding:\tchunked\r\nhost: ") + &good,
        plain.replace("host: ", "transfer-encoding : chunked\r\nhost: ") + &good,
        plain.replace("host: ", "x: y\rtransfer-encoding: chunked\r\nhost: ") + &good,
        plain.replace(CHAT, "http://other.example/v1/chat/completions") + &good,
        plain.replace("POST ", "CONNECT ") + &good,
    ];
    for head in heads {
        refused(&scene, head + &scene.good_request(), 400, "invalid_request").await;
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_head_that_the_parser_lets_through_and_others_read_otherwise_is_400_and_closed() {
    let scene = Scene::set();
    let good = Scene::good_body();
    let length = good.len();
    let plain = scene.head(&format!("content-length: {length}\r\n"));
    let chunked = format!("{length:x}\r\n{good}\r\n0\r\n\r\n");
    let key = &scene.key.text;
    let heads = [
        plain.replace("host: ", "host: other.example\r\nhost: ") + &good,
        plain.replace("host: ", &format!("authorization: Bearer {key}\r\nhost: ")) + &good,
        plain.replace("host: ", "authorization: Basic eDp5\r\nhost: ") + &good,
        scene.head("transfer-encoding: gzip, chunked\r\n") + &chunked,
        scene.head("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n") + &chunked,
        plain.replace("POST ", "FETCH ") + &good,
        plain.replace(CHAT, "/v1/x/../chat/completions") + &good,
        plain.replace(CHAT, "/v1/models/..%2fchat") + &good,
        plain.replace(CHAT, "/v1/models/%2e%2e/chat") + &good,
        plain.replace(CHAT, "/v1/models/a%0d%0ab") + &good,
        plain.replace(CHAT, "/v1/models/a%0Ab") + &good,
    ];
    for head in heads {
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send(format!("{head}{}", scene.good_request())).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 400, "{head}: {}", answer.text());
        scene.refused(&answer, 400, "invalid_request");
        wire.closed().await;
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn both_lengths_at_once_never_make_two_requests_of_one() {
    let scene = Scene::set();
    let hidden = scene.good_request();
    let ended_by_chunks = format!("0\r\n\r\n{hidden}");
    let lines = [
        format!("transfer-encoding: chunked\r\ncontent-length: {}\r\n", ended_by_chunks.len()),
        format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", ended_by_chunks.len()),
        "content-length: 4\r\ntransfer-encoding: chunked\r\n".to_owned(),
    ];
    for lines in lines {
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send(scene.head(&lines) + &ended_by_chunks).await;
        // The chunks say that the body is empty, so it is no JSON; what stands behind them is dropped.
        let answer = wire.answer().await;
        scene.refused(&answer, 400, "invalid_request");
        wire.closed().await;
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431_with_the_envelope() {
    let scene = Scene::set();
    let big = |bytes: usize| scene.head(&format!("x-big: {}\r\n", "a".repeat(bytes)));
    let many = |lines: usize| scene.head(&"x: 1\r\n".repeat(lines));
    for head in [big(1024 * 1024), many(10_000), many(200)] {
        refused(&scene, head, 431, "headers_too_large").await;
    }
    let endless = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(1024 * 1024));
    refused(&scene, endless, 431, "headers_too_large").await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_head_above_the_doors_own_limit_is_431_with_the_envelope() {
    let scene = Scene::set();
    let big = "a".repeat(40 * 1024);
    let answer = scene.client().post(CHAT, &[("x-big", &big)], Scene::good_body()).await;
    scene.refused(&answer, 431, "headers_too_large");
    scene.goes_on().await;
}

#[tokio::test]
async fn a_good_request_before_a_bad_head_is_answered_first() {
    let scene = Scene::set();
    for (count, bad) in
        [(1, "GET / HTTP/1.1\nhost: a\n\n"), (2, "\r\n\r\n"), (3, "FETCH / HTTP/1.1\r\n\r\n")]
    {
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send(scene.good_request().repeat(count) + bad).await;
        for _ in 0..count {
            let good = wire.answer().await;
            assert_eq!(good.status, 200, "{bad:?}: {}", good.text());
        }
        scene.refused(&wire.answer().await, 400, "invalid_request");
        wire.closed().await;
        assert_eq!(scene.upstream.log.entries().len(), count, "{bad:?}");
        scene.upstream.log.clear();
    }
}

#[tokio::test]
async fn chunks_that_can_be_read_in_two_ways_hide_no_second_request() {
    let scene = Scene::set();
    let hidden = scene.good_request();
    let head = scene.head("transfer-encoding: chunked\r\n");
    for chunks in [
        format!("0\n\n{hidden}"),
        format!("0\r\n\n{hidden}"),
        format!("1;\n\r\nx\r\n0\r\n\r\n{hidden}"),
        format!("2\r\n{{}}0\r\n\r\n{hidden}"),
        format!("2\r\n{{}}\n0\r\n\r\n{hidden}"),
        format!("0x2\r\n{{}}\r\n0\r\n\r\n{hidden}"),
        format!(" 2\r\n{{}}\r\n0\r\n\r\n{hidden}"),
        format!("-1\r\n{hidden}"),
        format!("fffffffffffffffff\r\n{hidden}"),
        format!("0\r\nx: y\n\r\n{hidden}"),
    ] {
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send_what_is_taken(format!("{head}{chunks}")).await;
        let answer = wire.answer().await;
        scene.refused(&answer, 400, "invalid_request");
        wire.closed().await;
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn an_early_refusal_reaches_a_caller_who_first_sends_all_of_a_large_body() {
    let scene = Scene::set();
    let length = 40 * 1024 * 1024;
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(scene.head(&format!("content-length: {length}\r\n"))).await;
    let piece = vec![b' '; 64 * 1024];
    for _ in 0..length / piece.len() / 4 {
        wire.send_what_is_taken(&piece).await;
    }
    scene.refused(&wire.answer().await, 413, "payload_too_large");
    scene.goes_on().await;
}

#[tokio::test]
async fn a_request_behind_a_bad_one_is_answered_in_its_turn() {
    let scene = Scene::set();
    let mut wire = Wire::open(scene.bastion.callers).await;
    let bad = format!("{{{PROMPT}");
    let first = scene.head(&format!("content-length: {}\r\n", bad.len())) + &bad;
    wire.send(first + &scene.good_request()).await;
    let refused = wire.answer().await;
    scene.refused(&refused, 400, "invalid_request");
    let good = wire.answer().await;
    assert_eq!(good.status, 200, "{}", good.text());
    assert_ne!(good.header("x-request-id"), refused.header("x-request-id"));
    scene.goes_on_after(1).await;
}

#[tokio::test]
async fn a_body_that_nobody_read_is_not_the_next_request() {
    let scene = Scene::set();
    let hidden = scene.good_request();
    let bodied = |head: String| {
        let length = format!("content-length: {}\r\nhost: ", hidden.len());
        head.replace("host: ", &length) + &hidden
    };
    let cases = [
        (bodied(scene.head("").replace(CHAT, "/v1/nowhere")), 404),
        (bodied(scene.head("").replace("POST", "PUT")), 405),
        (bodied(scene.head("").replace(&scene.key.text, "sk-none")), 401),
        (bodied(scene.head("content-encoding: gzip\r\n")), 400),
        (bodied(scene.head("").replace(CHAT, "/v1/models").replace("POST", "GET")), 200),
        (bodied(scene.head("").replace(CHAT, "/healthz").replace("POST", "GET")), 200),
    ];
    for (request, status) in cases {
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send(&request).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, status, "{request}: {}", answer.text());
        wire.end().await;
        wire.closed().await;
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn http_1_0_is_answered_whole_and_the_connection_is_closed() {
    let scene = Scene::set();
    let old = |request: String| request.replace("HTTP/1.1", "HTTP/1.0");
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(old(scene.head("content-length: 1\r\n") + "{")).await;
    scene.refused(&wire.answer().await, 400, "invalid_request");
    wire.closed().await;
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(old(scene.good_request()).replace("host: ", "x-host: ")).await;
    let answer = wire.answer().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    wire.closed().await;
    let body = super::with_field("stream", "true");
    let request = old(scene.head(&format!("content-length: {}\r\n", body.len())) + &body);
    let streamed = crate::client::raw(scene.bastion.callers, request.as_bytes()).await;
    assert!(streamed.ends_with("data: [DONE]\n\n"), "{streamed}");
    assert!(!streamed.contains("transfer-encoding"), "{streamed}");
    scene.goes_on_after(2).await;
}
