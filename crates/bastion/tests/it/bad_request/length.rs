//! Bodies that are too large, cut, or announced and asked for with `Expect`.
//!
//! No test here may send a large body whole where the answer must come before it.

use crate::client::Client;
use crate::scene::{CHAT, PROMPT, Scene};
use crate::wire::Wire;

/// The most that a scene here reads of a body, in bytes.
const MAX_BODY_BYTES: usize = 4096;

fn small_bodies_only() -> Scene {
    let limit = format!("[server]\nmax_body_bytes = {MAX_BODY_BYTES}");
    Scene::with(|config| config.replace("[server]", &limit))
}

#[tokio::test]
async fn a_body_that_announces_too_much_is_413_before_any_of_it_is_read() {
    let scene = small_bodies_only();
    for length in ["4097", "1000000000000", "9223372036854775807"] {
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send(scene.head(&format!("content-length: {length}\r\n"))).await;
        scene.refused(&wire.answer().await, 413, "payload_too_large");
        // What would follow is a body that nobody reads, not a request.
        wire.send_what_is_taken(scene.good_request()).await;
        wire.end().await;
        wire.closed().await;
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_body_without_a_length_is_413_once_it_is_too_large() {
    let scene = small_bodies_only();
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(scene.head("transfer-encoding: chunked\r\n")).await;
    let piece = "a".repeat(1024);
    for _ in 0..5 {
        wire.send_what_is_taken(format!("400\r\n{piece}\r\n")).await;
    }
    scene.refused(&wire.answer().await, 413, "payload_too_large");
    wire.send_what_is_taken(scene.good_request()).await;
    wire.end().await;
    wire.closed().await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
    let scene = small_bodies_only();
    let body = Scene::good_body();
    let exact = body.clone() + &" ".repeat(MAX_BODY_BYTES - body.len());
    assert_eq!(scene.client().chat(&exact).await.status, 200);
    let answer = scene.client().chat(&format!("{exact} ")).await;
    scene.refused(&answer, 413, "payload_too_large");
    scene.goes_on_after(1).await;
}

#[tokio::test]
async fn a_body_that_the_caller_cuts_is_no_call() {
    let scene = Scene::set();
    let key = scene.bastion.key("dev", &["--concurrency", "1"]);
    let whole = scene.good_request().replace(&scene.key.text, &key.text);
    let chunked = scene.head("transfer-encoding: chunked\r\n").replace(&scene.key.text, &key.text);
    let cuts = [
        whole[..whole.len() - 1].to_owned(),
        whole[..whole.len() - PROMPT.len()].to_owned(),
        format!("{chunked}400\r\n{PROMPT}"),
        format!("{chunked}xyz\r\n{PROMPT}"),
        format!("{chunked}{:x}\r\n{}\r\n", Scene::good_body().len(), Scene::good_body()),
    ];
    for cut in &cuts {
        // Half closed: the answer, if one comes, is a refusal.
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send(cut).await;
        wire.end().await;
        if let Some(answer) = wire.answer_or_end().await {
            assert_eq!(answer.status, 400, "{cut}: {}", answer.text());
            scene.tells_nothing(&answer.text());
        }
        wire.closed().await;
        // Gone without a word.
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send(cut).await;
    }
    let operators = Client::with_text(scene.bastion.operators, "");
    let idle = async {
        while !operators.get("/metrics").await.text().contains("bastion_calls_in_flight 0") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::bastion::LIMIT, idle).await.expect("a cut call runs on");
    let answer = Client::new(scene.bastion.callers, &key).chat(&Scene::good_body()).await;
    assert_eq!(answer.status, 200, "a slot is lost: {}", answer.text());
    scene.goes_on_after(1).await;
}

#[tokio::test]
async fn a_body_is_asked_for_only_where_it_will_be_read() {
    let scene = small_bodies_only();
    let head = |lines: &str| scene.head(&format!("expect: 100-continue\r\n{lines}"));
    let good = Scene::good_body();
    let length = format!("content-length: {}\r\n", good.len());
    let refused = [
        (head("content-length: 4097\r\n"), 413, "payload_too_large"),
        (head(&length).replace(&scene.key.text, "sk-none"), 401, "invalid_api_key"),
        (head(&length).replace(CHAT, "/v1/nowhere"), 404, "not_found"),
        (head(&format!("{length}content-encoding: gzip\r\n")), 400, "invalid_request"),
    ];
    for (head, status, code) in refused {
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send(head).await;
        scene.refused(&wire.answer().await, status, code);
    }
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(head(&length)).await;
    assert_eq!(wire.answer().await.status, 100);
    wire.send(&good).await;
    let answer = wire.answer().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    scene.goes_on_after(1).await;
}
