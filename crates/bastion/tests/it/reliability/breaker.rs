//! The breaker: an upstream that fails call after call is left alone, then one call tries it.
//!
//! A test here must never make a request that is not counted at the upstream.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::fallback::Several;
use crate::client::{Answer, CHAT, Client, STREAM};
use crate::scene::Scene;

/// Three failures in a row open it for a second.
const THREE: &str = "attempts = 1\nbreaker = { failures = 3, open = \"1s\" }";
const OPEN: Duration = Duration::from_secs(1);

/// Timers are no finer than a millisecond.
const A_LITTLE: Duration = Duration::from_millis(20);

async fn at_once(client: &Client, calls: usize) -> Vec<Answer> {
    let mut all = JoinSet::new();
    for _ in 0..calls {
        let client = client.clone();
        all.spawn(async move { client.chat(CHAT).await });
    }
    all.join_all().await
}

impl Scene {
    /// Lets three calls fail; gives the moment before the breaker opened.
    async fn opened(&self) -> Instant {
        self.upstream.play("[[answer]]\nstatus = 500\n");
        let mut before = Instant::now();
        for _ in 0..3 {
            before = Instant::now();
            self.failed(&self.client().chat(CHAT).await, 502, "upstream_error");
        }
        assert_eq!(self.upstream.log.entries().len(), 3);
        before
    }

    /// Checks that a call was answered without asking anybody.
    async fn left_alone(&self, answer: &Answer) {
        self.refused(answer, 503, "service_unavailable");
        assert_eq!(answer.header("retry-after"), "1", "whole seconds");
        assert_eq!(answer.header("x-should-retry"), "", "nothing was tried: it may come again");
        assert_eq!(answer.header("bastion-attempts"), "0");
        assert_eq!(answer.header("bastion-upstream"), "", "nobody was asked");
        let call = self.bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!((&call["attempts"], &call["code"]), (&0.into(), &"service_unavailable".into()));
        assert!(call["upstream"].is_null(), "{call}");
        assert_eq!(call["usage"]["output_tokens"], 0, "{call}");
    }
}

#[tokio::test]
async fn three_failures_in_a_row_leave_it_alone_until_one_call_tries_it() {
    let scene = Scene::retrying(THREE);
    let before = scene.opened().await;
    scene.upstream.play("[[answer]]\ntimes = 1\ndelay_ms = 700\n");
    let answers = at_once(&scene.client(), 5).await;
    assert!(before.elapsed() < OPEN, "too slow a machine to tell: {:?}", before.elapsed());
    assert!(scene.upstream.log.entries().is_empty(), "it was not left alone");
    for answer in answers {
        scene.left_alone(&answer).await;
    }
    assert_eq!(scene.figure("bastion_opened_breakers_total{upstream=\"simulated\"").await, 1);
    // Nobody calls: nothing is sent through several open times.
    tokio::time::sleep(OPEN * 5 / 2).await;
    assert!(scene.upstream.log.entries().is_empty(), "something was sent just to probe");
    // One of many tries it, 700 ms long; the others are told to wait meanwhile.
    let answers = at_once(&scene.client(), 20).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    let waiting = answers.iter().filter(|answer| answer.status == 503).count();
    assert_eq!((good, waiting), (1, 19));
    assert_eq!(scene.upstream.log.entries().len(), 1, "more than one tried it");
    // It is back: all pass.
    let answers = at_once(&scene.client(), 20).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn a_failing_try_leaves_it_alone_once_more() {
    let scene = Scene::retrying(THREE);
    scene.opened().await;
    tokio::time::sleep(OPEN + A_LITTLE).await;
    scene.upstream.log.clear();
    let tried = Instant::now();
    scene.failed(&scene.client().chat(STREAM).await, 502, "upstream_error");
    for _ in 0..5 {
        scene.left_alone(&scene.client().chat(CHAT).await).await;
    }
    assert!(tried.elapsed() < OPEN, "too slow a machine to tell: {:?}", tried.elapsed());
    assert_eq!(scene.upstream.log.entries().len(), 1);
}

#[tokio::test]
async fn a_call_that_says_nothing_about_it_does_not_end_its_rest() {
    // Calls that began before it opened end while it is open: they leave, or are limited.
    let scene = Scene::retrying("attempts = 1\nbreaker = { failures = 3, open = \"1h\" }");
    scene
        .upstream
        .play("[[answer]]\ntimes = 1\nstatus = 429\ndelay_ms = 500\n[[answer]]\nstatus = 500\n");
    let limited = {
        let client = scene.client();
        JoinSet::from_iter([async move { client.chat(CHAT).await.status }])
    };
    scene.upstream.wait_for(|all| all.len() == 1).await;
    for _ in 0..3 {
        scene.failed(&scene.client().chat(CHAT).await, 502, "upstream_error");
    }
    assert_eq!(limited.join_all().await, [429]);
    let answer = scene.client().chat(CHAT).await;
    scene.refused(&answer, 503, "service_unavailable");
    assert_eq!(scene.upstream.log.entries().len(), 4);
}

#[tokio::test]
async fn the_try_of_a_caller_who_left_is_the_next_ones() {
    let scene = Scene::retrying(THREE);
    scene.opened().await;
    tokio::time::sleep(OPEN + A_LITTLE).await;
    scene.upstream.play("[[answer]]\ntimes = 1\ndelay_ms = 3600000\n");
    let client = scene.client();
    tokio::select! {
        answer = client.chat(CHAT) => panic!("it was answered: {answer:?}"),
        () = scene.upstream.wait_for(|all| !all.is_empty()) => {}
    }
    scene.bastion.call_with_code("caller_left").await;
    assert_eq!(scene.client().chat(CHAT).await.status, 200);
}

#[tokio::test]
async fn refusals_limits_and_successes_in_between_do_not_open_it() {
    let scene = Scene::retrying(THREE);
    let json = "body = '{\"error\":{\"message\":\"no\",\"code\":\"x\"}}'";
    let html = "body = \"<html>no</html>\"";
    for script in [
        format!("status = 400\n{json}"),
        format!("status = 413\n{html}"),
        format!("status = 400\n{html}"),
        format!("status = 422\n{json}\ncut_after = 9"),
        format!("status = 404\n{json}"),
        "status = 429".to_owned(),
        format!("status = 401\n{json}"),
        format!("status = 402\n{json}"),
    ] {
        scene.upstream.play(&format!("[[answer]]\n{script}\n"));
        for n in 0..5 {
            scene.client().chat(CHAT).await;
            assert_eq!(scene.upstream.log.entries().len(), n + 1, "{script} opened it");
        }
    }
    scene.upstream.play(
        "[[answer]]\nmatch = { nth = 3 }\n[[answer]]\nmatch = { nth = 6 }\n[[answer]]\nstatus = 500\n",
    );
    for n in 0..8 {
        scene.client().chat(CHAT).await;
        assert_eq!(scene.upstream.log.entries().len(), n + 1, "two of three opened it");
    }
    assert_eq!(scene.figure("bastion_opened_breakers_total").await, 0);
}

#[tokio::test]
async fn calls_go_to_the_second_at_once_while_the_first_is_left_alone() {
    let retry =
        "attempts = 3\nbase = \"10ms\"\ncap = \"20ms\"\nbreaker = { failures = 3, open = \"1h\" }";
    let several = Several::set(&["CA", "US"], retry);
    several.play(&["status = 500", ""]);
    for _ in 0..3 {
        assert_eq!(several.client().chat(CHAT).await.header("bastion-attempts"), "2");
    }
    for _ in 0..5 {
        several.play(&["status = 500", ""]);
        let answer = several.client().chat(STREAM).await;
        several.answered_by(1, &answer, &[0, 1]).await;
    }
    // Both: nobody is asked any more.
    several.play(&["status = 500", "status = 500"]);
    let answer = several.client().chat(CHAT).await;
    several.failed(&answer, 502, "upstream_error", &[0, 3]).await;
    let answer = several.client().chat(CHAT).await;
    assert_eq!(answer.refusal(), (503, "service_unavailable".to_owned()));
    // An hour since it was opened, a moment ago.
    let retry_after_s: u64 = answer.header("retry-after").parse().unwrap();
    assert!((3_590..=3_600).contains(&retry_after_s), "{retry_after_s}");
    assert_eq!(several.received(), [0, 3]);
}

#[tokio::test]
async fn a_call_whose_own_failures_open_it_ends_with_them() {
    let retry =
        "attempts = 10\nbase = \"10ms\"\ncap = \"20ms\"\nbreaker = { failures = 3, open = \"1h\" }";
    let scene = Scene::retrying(retry);
    scene.upstream.play("[[answer]]\nstatus = 500\n");
    let answer = scene.client().chat(CHAT).await;
    scene.failed(&answer, 502, "upstream_error");
    assert_eq!(answer.header("bastion-attempts"), "3");
    assert_eq!(scene.upstream.log.entries().len(), 3);
}
