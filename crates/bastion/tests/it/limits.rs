//! Limits of a key: requests and tokens a minute, calls at once. Exact, and given back.
//!
//! A test here must never count on the clock: a refill within it is too small to matter.

use bastion_sim::LogEntry;
use hyper::Response;
use hyper::body::Incoming;
use serde_json::json;

use crate::bastion::Key;
use crate::client::{Answer, CHAT, Client, STREAM, piece, whole};
use crate::scene::Scene;

impl Scene {
    fn limited(&self, limits: &[&str]) -> (Key, Client) {
        let key = self.bastion.key("dev", limits);
        let client = Client::new(self.bastion.callers, &key);
        (key, client)
    }
}

/// Checks that an answer is a 429 with all that a client needs, and gives its text.
pub(crate) fn limited(answer: &Answer) -> String {
    assert_eq!(answer.refusal(), (429, "rate_limit_exceeded".to_owned()), "{}", answer.text());
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    let wait: u32 = answer.header("retry-after").parse().expect("no integer seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    assert_ne!(answer.header("x-should-retry"), "false", "waiting helps");
    answer.json()["error"]["message"].as_str().unwrap().to_owned()
}

pub(crate) fn number(answer: &Answer, header: &str) -> u64 {
    answer.header(header).parse().unwrap_or_else(|_| panic!("no {header}: {:?}", answer.headers))
}

/// A chat request with this output limit.
fn asking(max_tokens: u64) -> String {
    json!({"model": "gpt-oss-20b", "messages": [{"role": "user", "content": "x"}],
        "max_tokens": max_tokens})
    .to_string()
}

async fn at_once(client: &Client, count: usize) -> Vec<Answer> {
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..count {
        let client = client.clone();
        calls.spawn(async move { client.chat(CHAT).await });
    }
    calls.join_all().await
}

#[tokio::test]
async fn requests_a_minute_admit_exactly_so_many_of_thrice_as_many_at_once() {
    let scene = Scene::set();
    let (_, client) = scene.limited(&["--rpm", "10"]);
    let answers = at_once(&client, 30).await;
    let (good, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|a| a.status == 200);
    assert_eq!((good.len(), refused.len()), (10, 20));
    assert_eq!(scene.upstream.log.entries().len(), 10);
    for answer in refused {
        assert!(limited(answer).contains("retry after"));
        assert_eq!(number(answer, "x-ratelimit-limit-requests"), 10);
        assert_eq!(number(answer, "x-ratelimit-remaining-requests"), 0);
        assert!(!answer.header("x-ratelimit-reset-requests").is_empty());
        assert_eq!(answer.header("x-ratelimit-limit-tokens"), "", "no such limit");
    }
    let mut left: Vec<u64> =
        good.iter().map(|answer| number(answer, "x-ratelimit-remaining-requests")).collect();
    left.sort_unstable();
    assert_eq!(left, (0..10).collect::<Vec<_>>(), "each call is told its own place");
    let call = scene.bastion.call_with_code("rate_limit_exceeded").await;
    assert_eq!((&call["status"], &call["attempts"]), (&429.into(), &0.into()), "{call}");
    assert_eq!(call["usage"]["input_tokens"], 0, "{call}");
    // Another key is not touched.
    assert_eq!(scene.client().chat(CHAT).await.status, 200);
}

#[tokio::test]
async fn tokens_a_minute_come_back_as_far_as_they_were_not_used() {
    let scene = Scene::set();
    let (_, client) = scene.limited(&["--tpm", "4000"]);
    let mut used = 0;
    let mut last = 0;
    for n in 0..6 {
        let answer = client.chat(&asking(2500)).await;
        assert_eq!(answer.status, 200, "call {n}: {}", answer.text());
        assert_eq!(number(&answer, "x-ratelimit-limit-tokens"), 4000);
        last = number(&answer, "x-ratelimit-remaining-tokens");
        let usage = &answer.json()["usage"];
        if n < 5 {
            used += usage["total_tokens"].as_u64().unwrap();
        }
    }
    // What the sixth call found when it had taken its own bound; 50 tokens a second are refilled.
    let bound = 2500 + asking(2500).len().div_ceil(4) as u64;
    let without_refill = 4000 - used - bound;
    assert!(last >= without_refill, "tokens were lost: {last} < {without_refill}");
    assert!(last <= 4000 - bound, "tokens were made: {last}");
    // Streams and failures too.
    scene.upstream.play("[[answer]]\nstatus = 500\n");
    for _ in 0..3 {
        assert_eq!(client.chat(&asking(2000)).await.status, 502);
    }
    scene.upstream.play("[[answer]]\ntimes = 3\nstatus = 400\nbody = '{\"error\":{}}'\n");
    for _ in 0..3 {
        assert_eq!(client.chat(&asking(2000)).await.status, 400);
    }
    assert_eq!(client.chat(&asking(2000)).await.status, 200);
}

#[tokio::test]
async fn calls_that_want_too_many_tokens_at_once_are_told_to_wait() {
    let scene = Scene::set();
    scene.upstream.play("[[answer]]\ndelay_ms = 3600000\n");
    let (_, client) = scene.limited(&["--tpm", "3000"]);
    let held = {
        let client = client.clone();
        tokio::task::JoinSet::from_iter([async move { client.chat(&asking(2000)).await }])
    };
    scene.upstream.wait_for(|all| !all.is_empty()).await;
    let answer = client.chat(&asking(2000)).await;
    limited(&answer);
    assert!(number(&answer, "x-ratelimit-remaining-tokens") < 2000);
    drop(held);
}

#[tokio::test]
async fn a_call_that_can_never_fit_is_told_so() {
    let scene = Scene::set();
    let (_, client) = scene.limited(&["--tpm", "1000"]);
    for body in [asking(1001), asking(2_147_483_647), asking(600).replacen("\"m", "\"n\":2,\"m", 1)]
    {
        let answer = client.chat(&body).await;
        assert_eq!(answer.refusal(), (429, "rate_limit_exceeded".to_owned()), "{body}");
        let text = answer.text();
        assert!(text.contains("1000") && text.contains("max_tokens"), "{text}");
        assert_eq!(answer.header("x-should-retry"), "false", "waiting does not help");
        assert_eq!(number(&answer, "x-ratelimit-remaining-tokens"), 1000, "nothing was taken");
    }
    assert_eq!(scene.upstream.log.entries().len(), 0);
    assert_eq!(client.chat(&asking(900)).await.status, 200);
}

/// Opens so many streams and reads each one's first piece.
pub(crate) async fn held(client: &Client, count: usize) -> Vec<Response<Incoming>> {
    let mut held = Vec::new();
    for _ in 0..count {
        let mut stream = client.open_stream().await;
        assert_eq!(stream.status(), 200);
        assert!(piece(stream.body_mut()).await.is_some());
        held.push(stream);
    }
    held
}

#[tokio::test]
async fn calls_at_once_are_exact_while_streams_are_held_and_slots_come_back() {
    let scene = Scene::with(|config| config.replace("idle = \"1s\"", "idle = \"1m\""));
    let (_, client) = scene.limited(&["--concurrency", "3"]);
    // An hour between events: they are held until their callers leave.
    scene.upstream.play("[[answer]]\ngap_ms = 3600000\nevents = ['{}', '{}']\n");
    let streams = held(&client, 3).await;
    for answer in at_once(&client, 6).await {
        assert!(limited(&answer).contains("same time") || answer.text().contains("concurren"));
    }
    assert_eq!(scene.upstream.log.entries().len(), 3);
    // Cancelled calls give their slots back.
    drop(streams);
    scene.bastion.calls_when(|calls| count(calls, "cancelled") == 3).await;
    let streams = held(&client, 3).await;
    limited(&client.chat(STREAM).await);
    drop(streams);
    scene.bastion.calls_when(|calls| count(calls, "cancelled") == 6).await;
    // So do whole ones and failed ones, at once: the next call comes as soon as one is read.
    let (_, client) = scene.limited(&["--concurrency", "1"]);
    for (script, status) in [
        ("match = { model = \"none\" }", 200),
        ("status = 500", 502),
        ("status = 400\nbody = '{\"error\":{}}'", 400),
        ("cut_after = 2", 200),
        ("cut_after = 0", 502),
    ] {
        scene.upstream.play(&format!("[[answer]]\n{script}\n"));
        for n in 0..10 {
            let answer = whole(client.open_stream().await).await;
            assert_eq!(answer.status, status, "{script}, call {n}: {}", answer.text());
        }
    }
}

pub(crate) fn count(calls: &[serde_json::Value], stream: &str) -> usize {
    calls.iter().filter(|call| call["stream"] == stream).count()
}

#[tokio::test]
async fn a_call_that_left_before_its_answer_gives_its_slot_back() {
    let scene = Scene::set();
    let (_, client) = scene.limited(&["--concurrency", "1"]);
    scene.upstream.play("[[answer]]\ntimes = 1\ndelay_ms = 3600000\n");
    let read = |all: &[LogEntry]| all.iter().any(|entry| !entry.body.is_empty());
    tokio::select! {
        answer = client.chat(CHAT) => panic!("it was answered: {answer:?}"),
        () = scene.upstream.wait_for(read) => {}
    }
    scene.bastion.call_with_code("caller_left").await;
    assert_eq!(client.chat(CHAT).await.status, 200);
}

#[tokio::test]
async fn a_refusal_by_screening_gives_the_tokens_back_and_not_the_request() {
    let scene = Scene::set();
    let (_, client) = scene.limited(&["--rpm", "3", "--tpm", "3000", "--concurrency", "1"]);
    let stored = asking(2500).replacen("\"m", "\"store\":true,\"m", 1);
    let answer = client.chat(&stored).await;
    assert_eq!(answer.refusal(), (400, "stateful_not_allowed".to_owned()));
    assert_eq!(number(&answer, "x-ratelimit-remaining-requests"), 2);
    assert_eq!(number(&answer, "x-ratelimit-remaining-tokens"), 3000, "they were given back");
    let answer = client.chat(&asking(2500)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(number(&answer, "x-ratelimit-remaining-requests"), 1);
    client.chat(&stored).await;
    assert!(limited(&client.chat(&asking(1)).await).contains("retry after"));
    assert_eq!(scene.upstream.log.entries().len(), 1);
}

#[tokio::test]
async fn what_is_refused_for_its_body_takes_nothing() {
    let scene = Scene::set();
    let (_, client) = scene.limited(&["--rpm", "2"]);
    for _ in 0..5 {
        assert_eq!(client.chat("{").await.status, 400);
        assert_eq!(client.chat(&CHAT.replace("gpt-oss-20b", "unknown")).await.status, 404);
    }
    assert_eq!(client.get("/v1/models").await.status, 200);
    let answer = client.chat(CHAT).await;
    assert_eq!(number(&answer, "x-ratelimit-remaining-requests"), 1);
}
