//! While a call waits for its next attempt: its caller leaves, or the process is told to end.
//!
//! A test here must never wait for a retry that is not to come: the record says that the call is over.

use super::fallback::Several;
use super::{figure, retrying};
use crate::client::{CHAT, Client, STREAM};
use crate::scene::Scene;

/// The next attempt is an hour away, by the upstream's own word.
const AN_HOUR: &str = "attempts = 3\nbase = \"10ms\"\ncap = \"2h\"\ntotal = \"2h\"\n\
                       breaker = { failures = 1000 }";
const LATER: &str = "[[answer]]\nstatus = 429\nheaders = { retry-after = \"3600\" }\n";
const BEAT: &str = ": heartbeat\n";
const FAILED: &str = "bastion_attempts_total{upstream=\"simulated\",outcome=\"RateLimited\"";

/// The nth call, whose caller leaves once its attempt has failed; all calls, once it is recorded.
async fn leaves_while_waiting(
    scene: &Scene,
    client: &Client,
    (body, n): (&str, u64),
) -> Vec<serde_json::Value> {
    let waits = async {
        while scene.figure(FAILED).await < n {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        answer = client.chat(body) => panic!("it was answered: {answer:?}"),
        () = waits => {}
    }
    let cancelled = |calls: &[serde_json::Value]| {
        calls.iter().filter(|call| call["stream"] == "cancelled").count() as u64 == n
    };
    scene.bastion.calls_when(cancelled).await
}

#[tokio::test]
async fn a_retry_that_its_caller_did_not_wait_for_is_given_back() {
    let scene = Scene::retrying(AN_HOUR);
    let client = scene.client();
    scene.upstream.play(LATER);
    // More than the ten that a minute always has.
    for n in 1..=12 {
        leaves_while_waiting(&scene, &client, (CHAT, n)).await;
    }
    scene.upstream.play("[[answer]]\nstatus = 500\n");
    assert_eq!(client.chat(CHAT).await.header("bastion-attempts"), "3");
    assert_eq!(scene.figure("bastion_refused_retries_total").await, 0);
}

#[tokio::test]
async fn a_caller_who_leaves_between_two_attempts_ends_them() {
    let scene = Scene::retrying(AN_HOUR);
    let key = scene.bastion.key("dev", &["--concurrency", "1"]);
    let client = Client::new(scene.bastion.callers, &key);
    for (n, body) in (1..).zip([CHAT, STREAM]) {
        scene.upstream.play(LATER);
        let calls = leaves_while_waiting(&scene, &client, (body, n)).await;
        let call = &calls[0];
        assert_eq!(
            (&call["code"], &call["attempts"]),
            (&"caller_left".into(), &1.into()),
            "{call}"
        );
        assert_eq!(call["upstream"], "simulated", "{call}");
        assert_eq!(call["usage"]["output_tokens"], 0, "a 429 costs nothing: {call}");
        assert_eq!(scene.upstream.log.entries().len(), 1);
        // The key's only slot is free again.
        scene.upstream.play("[[answer]]\nmatch = { model = \"none\" }\n");
        assert_eq!(client.chat(body).await.status, 200);
        assert_eq!(scene.upstream.log.entries().len(), 1);
    }
}

#[tokio::test]
async fn a_drain_lets_a_call_make_its_next_attempt() {
    let retry = "attempts = 2\nbase = \"10ms\"\ncap = \"20s\"\nbreaker = { failures = 1000 }";
    let mut scene = Scene::retrying(retry);
    scene
        .upstream
        .play("[[answer]]\ntimes = 1\nstatus = 429\nheaders = { retry-after-ms = \"800\" }\n");
    let client = scene.client();
    let told = async {
        while scene.figure(FAILED).await == 0 {
            tokio::task::yield_now().await;
        }
        scene.bastion.signal("TERM");
    };
    let (answer, ()) = tokio::join!(client.chat(CHAT), told);
    assert_eq!((answer.status, answer.header("bastion-attempts")), (200, "2"));
    scene.bastion.log.wait_for("draining");
    assert_eq!(scene.bastion.wait(), Some(0), "{}", scene.bastion.log.text());
    assert_eq!(scene.upstream.log.entries().len(), 2);
}

#[tokio::test]
async fn a_drain_cuts_a_call_that_waits_too_long() {
    let mut scene = Scene::with(|config| {
        retrying(&config.replace("drain = \"5s\"", "drain = \"300ms\""), AN_HOUR)
    });
    scene.upstream.play(LATER);
    let client = scene.client();
    let told = async {
        while scene.figure(FAILED).await == 0 {
            tokio::task::yield_now().await;
        }
        scene.bastion.signal("TERM");
    };
    let (cut, ()) = tokio::join!(client.try_chat(CHAT), told);
    assert!(!matches!(cut, Ok((200, _))), "{cut:?}");
    assert_eq!(scene.bastion.wait(), Some(0), "{}", scene.bastion.log.text());
    assert_eq!(scene.upstream.log.entries().len(), 1);
}

#[tokio::test]
async fn a_stream_lives_on_between_two_attempts() {
    let retry = "attempts = 2\nbase = \"10ms\"\ncap = \"20s\"\nbreaker = { failures = 1000 }";
    let several = Several::with(&["CA"], retry, |config| {
        config
            .replace("region = \"CA\"\n", "region = \"CA\"\nheartbeat = \"1s\"\n")
            .replace("idle = \"1s\"", "idle = \"1300ms\"")
    });
    // It says 200 and nothing more: the caller gets signs of life, and then the second attempt.
    let script =
        "[[answer]]\ntimes = 1\nstall_after = 1\n[[answer]]\nmatch = { model = \"none\" }\n";
    several.upstreams[0].play("[[answer]]\nmatch = { model = \"none\" }\n");
    let good = several.client().chat(STREAM).await.text();
    several.upstreams[0].play(script);
    let answer = several.client().chat(STREAM).await;
    let text = answer.text();
    let (beats, rest) = text.split_at(text.rfind(BEAT).expect("no sign of life") + BEAT.len());
    assert_eq!(beats.replace(BEAT, ""), "");
    assert_eq!(rest, good);
    assert_eq!(several.received(), [2]);
    assert_eq!(figure(&several.bastion, "bastion_attempts_total").await, 3);
    let call = several.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["attempts"], &call["stream"]), (&2.into(), &"whole".into()), "{call}");
    // Both attempts fail: the stream has begun, so an event says it, and nothing looks like an end.
    several.upstreams[0].play("[[answer]]\nstall_after = 1\n");
    let answer = several.client().chat(STREAM).await;
    let text = answer.text();
    assert!(text.contains("event: error\n") && !text.contains("[DONE]"), "{text}");
    let call = several.bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["attempts"], &call["stream"]), (&2.into(), &"interrupted".into()), "{call}");
}
