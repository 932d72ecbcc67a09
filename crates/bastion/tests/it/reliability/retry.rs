//! What is tried again, what never is, how often and when.
//!
//! A test here must never trust the answer alone: the upstream's own log says how often it was asked.

use std::time::Duration;

use bastion_sim::{LogEntry, SimOptions};
use hyper::body::Bytes;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{LEAK, figure, retrying};
use crate::bastion::{Bastion, CONFIG};
use crate::client::{Answer, CHAT, Client, STREAM};
use crate::hand::{Hand, Then};
use crate::scene::Scene;
use crate::upstream::Upstream;

/// Nothing but the attempts' count limits a call, and its waits are short.
pub(super) const QUICK: &str = "attempts = 3\nbase = \"10ms\"\ncap = \"20ms\"\nbudget = 1.0\n\
                                breaker = { failures = 1000 }";

/// What a late start or a busy machine may add to a wait.
const SLACK: Duration = Duration::from_secs(2);

/// A chat request that can be told from others.
fn marked(mark: &str) -> String {
    CHAT.replacen("{\"m", &format!("{{\"user\":\"{mark}\",\"m"), 1)
}

/// Good calls, so that the budget has room.
pub(super) async fn good_calls(client: &Client, count: usize) {
    let mut calls = JoinSet::new();
    for _ in 0..count {
        let client = client.clone();
        calls.spawn(async move { client.chat(CHAT).await.status });
    }
    assert_eq!(calls.join_all().await, vec![200; count]);
}

/// The time between two neighbouring attempts, in milliseconds.
pub(super) fn gaps_ms(entries: &[LogEntry]) -> Vec<i64> {
    let gap = |pair: &[LogEntry]| (pair[1].at.micros() - pair[0].at.micros()) / 1000;
    entries.windows(2).map(gap).collect()
}

#[tokio::test]
async fn attempts_come_with_full_jitter_within_their_bounds_and_then_no_more() {
    let scene = Scene::retrying(
        "attempts = 4\nbase = \"100ms\"\ncap = \"400ms\"\nbudget = 1.0\nbreaker = { failures = 1000 }",
    );
    good_calls(&scene.client(), 50).await;
    scene.upstream.play("[[answer]]\nstatus = 500\n");
    let mut calls = JoinSet::new();
    for n in 0..20 {
        let client = scene.client();
        calls.spawn(async move { client.chat(&marked(&format!("call-{n}!"))).await });
    }
    let answers = calls.join_all().await;
    let log = scene.upstream.log.entries();
    let mut all = Vec::new();
    for n in 0..20 {
        let mark = format!("call-{n}!");
        let own: Vec<_> = log.iter().filter(|e| e.body.contains(&mark)).cloned().collect();
        assert_eq!(own.len(), 4, "{mark}");
        assert!(own.iter().all(|entry| entry.body == own[0].body), "{own:#?}");
        all.push(gaps_ms(&own));
    }
    for (place, bound) in [100, 200, 400].into_iter().enumerate() {
        let waits: Vec<_> = all.iter().map(|gaps| gaps[place]).collect();
        let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
        assert!(Duration::from_millis(u64::try_from(*most).unwrap()) < SLACK, "{waits:?}");
        // Of twenty even throws in 0..bound, one time in a million none is in either half.
        assert!(*least < bound / 2, "no full jitter up to {bound} ms: {waits:?}");
        let half = if place == 0 { bound / 5 } else { bound / 2 };
        assert!(*most > half, "no jitter, or no doubling up to {bound} ms: {waits:?}");
    }
    for answer in answers {
        scene.failed(&answer, 502, "upstream_error");
        assert_eq!(answer.header("bastion-attempts"), "4");
        let call = scene.bastion.last_call(answer.header("x-request-id")).await;
        assert_eq!((&call["attempts"], &call["status"]), (&4.into(), &502.into()), "{call}");
    }
    assert_eq!(
        scene.figure("bastion_attempts_total{upstream=\"simulated\",outcome=\"Failed\"").await,
        80
    );
    assert_eq!(scene.figure("bastion_refused_retries_total").await, 0);
}

#[tokio::test]
async fn no_wait_is_longer_than_the_cap() {
    let retry = "attempts = 10\nbase = \"50ms\"\ncap = \"50ms\"\nbreaker = { failures = 1000 }";
    let scene = Scene::retrying(retry);
    scene.upstream.play("[[answer]]\nstatus = 500\n");
    let answer = scene.client().chat(CHAT).await;
    scene.failed(&answer, 502, "upstream_error");
    let gaps = gaps_ms(&scene.upstream.log.entries());
    // Nine waits of at most 50 ms; doubled without a cap they would come to 13 s on the average.
    assert_eq!(gaps.len(), 9);
    assert!(gaps.iter().sum::<i64>() < 2000, "{gaps:?}");
}

impl Scene {
    /// Checks that an answer is a plain one of the second attempt: nothing of the first is seen.
    async fn is_second(&self, answer: &Answer, good: &Answer, why: &str) {
        assert_eq!((answer.status, answer.text()), (200, good.text()), "{why}");
        assert_eq!(answer.header("bastion-attempts"), "2", "{why}");
        let names = |of: &Answer| {
            let mut names: Vec<_> = of.headers.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(answer), names(good), "{why}");
        assert!(!format!("{:?}", answer.headers).contains(LEAK), "{why}: {:?}", answer.headers);
        let log = self.upstream.log.entries();
        assert_eq!(log.len(), 2, "{why}: {log:#?}");
        assert_eq!(log[0].body, log[1].body, "{why}");
        let call = self.bastion.last_call(answer.header("x-request-id")).await;
        let before = self.bastion.last_call(good.header("x-request-id")).await;
        assert_eq!(call["attempts"], 2, "{why}: {call}");
        for field in ["status", "code", "stream", "upstream", "region", "model"] {
            assert_eq!(call[field], before[field], "{why}, {field}: {call}");
        }
        // An attempt of unknown outcome is estimated, and counts beside the one that was answered.
        let tokens = |call: &serde_json::Value| call["usage"]["output_tokens"].as_u64().unwrap();
        if call["usage"]["estimated"] == true {
            assert!(tokens(&call) > tokens(&before), "{why}: {call}");
        } else {
            assert_eq!(call["usage"], before["usage"], "{why}: {call}");
        }
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_nothing_of_it_is_seen() {
    let scene = Scene::with(|config| {
        let config = config.replace("answer = \"2s\"", "answer = \"1s\"");
        retrying(&config.replace("first_event = \"2s\"", "first_event = \"1s\""), QUICK)
    });
    let client = scene.client();
    let theirs = format!(
        "body = '{{\"error\":{{\"message\":\"{LEAK}\"}}}}'\n\
         headers = {{ openai-organization = \"{LEAK}\", x-request-id = \"{LEAK}\" }}"
    );
    let mut scripts: Vec<String> = [429, 500, 501, 502, 503, 504, 520, 529, 599]
        .map(|status| format!("status = {status}\n{theirs}"))
        .into();
    scripts.extend(
        ["cut_after = 0", "delay_ms = 3600000", "stall_after = 0", "garbage = \"{\""]
            .map(String::from),
    );
    scripts.push(theirs.clone());
    for body in [CHAT, STREAM] {
        let good = client.chat(body).await;
        let mut cut =
            vec![if body == CHAT { "cut_after = 30" } else { "cut_after = 1" }.to_owned()];
        cut.extend(scripts.iter().cloned());
        for script in cut {
            scene.upstream.play(&format!("[[answer]]\ntimes = 1\n{script}\n"));
            let answer = client.chat(body).await;
            scene.is_second(&answer, &good, &script).await;
        }
    }
}

#[tokio::test]
async fn no_refusal_of_a_request_is_tried_again() {
    let scene = Scene::retrying(QUICK);
    let client = scene.client();
    let long = "y".repeat(300 * 1024);
    let statuses = [400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 422, 451];
    for status in statuses {
        for how in [
            "body = '{\"error\":{\"message\":\"no\",\"code\":\"x\"}}'".to_owned(),
            "body = \"<html>no</html>\"".to_owned(),
            "body = ''".to_owned(),
            "body = '{\"error\":{\"message\":\"no\"}}'\ncut_after = 9".to_owned(),
            format!("body = '{{\"error\":\"{long}\"}}'"),
        ] {
            scene.upstream.play(&format!("[[answer]]\nstatus = {status}\n{how}\n"));
            let body = if status % 2 == 0 { CHAT } else { STREAM };
            let answer = client.chat(body).await;
            let why = format!("{status}, {}", &how[..how.len().min(60)]);
            assert_eq!(scene.upstream.log.entries().len(), 1, "{why}: it was asked again");
            assert_eq!(answer.header("bastion-attempts"), "1", "{why}");
            let call = scene.bastion.last_call(answer.header("x-request-id")).await;
            assert_eq!(call["attempts"], 1, "{why}: {call}");
            assert_eq!(
                call["usage"]["output_tokens"], 0,
                "a refusal is not charged, {why}: {call}"
            );
            if matches!(status, 401..=403) {
                assert!(matches!(answer.status, 502 | 503), "{why}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_or_reset_without_an_answer_is_tried_again() {
    let body = br#"{"choices":[]}"#;
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let whole = || vec![Bytes::from([head.as_bytes(), body].concat())];
    let half = || vec![Bytes::from_static(b"HTTP/1.1 200 OK\r\ncontent-le")];
    for (pieces, then) in [
        (Vec::new(), Then::Close),
        (Vec::new(), Then::Reset),
        (half(), Then::Close),
        (half(), Then::Reset),
        (vec![Bytes::from_static(b"nonsense\r\n\r\n")], Then::Close),
    ] {
        let why = format!("{pieces:?}, {then:?}");
        let hand = Hand::in_turn(vec![(pieces, then), (whole(), Then::Keep)]).await;
        let config = CONFIG.replace("{upstream}", &format!("http://{}/v1", hand.address));
        let bastion = Bastion::with(&retrying(&config, QUICK));
        let answer = Client::new(bastion.callers, &bastion.key("dev", &[])).chat(CHAT).await;
        assert_eq!((answer.status, &answer.body[..]), (200, &body[..]), "{why}");
        assert_eq!((answer.header("bastion-attempts"), hand.received()), ("2", 2), "{why}");
    }
}

#[tokio::test]
async fn an_upstream_that_comes_back_meanwhile_is_found() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = CONFIG.replace("{upstream}", &format!("http://{address}/v1"));
    let bastion = Bastion::with(&retrying(
        &config,
        "attempts = 10\nbase = \"300ms\"\ncap = \"300ms\"\nbreaker = { failures = 1000 }",
    ));
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    let back = async {
        while figure(
            &bastion,
            "bastion_attempts_total{upstream=\"simulated\",outcome=\"Unreachable\"",
        )
        .await
            == 0
        {
            tokio::task::yield_now().await;
        }
        Upstream::with(SimOptions { listen: address, ..SimOptions::default() })
    };
    let (answer, upstream) = tokio::join!(client.chat(CHAT), back);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let attempts: u32 = answer.header("bastion-attempts").parse().unwrap();
    assert!((2..=10).contains(&attempts), "{attempts}");
    assert_eq!(upstream.log.entries().len(), 1, "the others found nobody");
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["attempts"], &call["status"]), (&attempts.into(), &200.into()), "{call}");
}

#[tokio::test]
async fn no_attempt_begins_behind_the_total_and_none_that_runs_is_cut() {
    let scene = Scene::retrying(
        "attempts = 10\nbase = \"10ms\"\ncap = \"20ms\"\ntotal = \"300ms\"\nbreaker = { failures = 1000 }",
    );
    // Attempts of 220 ms: the first two begin within 300 ms, the second ends behind them.
    scene.upstream.play("[[answer]]\nstatus = 500\ndelay_ms = 220\n");
    let began = Instant::now();
    let answer = scene.client().chat(CHAT).await;
    scene.failed(&answer, 502, "upstream_error");
    let took = began.elapsed();
    let attempts = scene.upstream.log.entries().len();
    assert!((1..=2).contains(&attempts), "{attempts} attempts in {took:?}");
    assert_eq!(answer.header("bastion-attempts"), attempts.to_string());
    // One that runs goes on behind it, to a good end.
    scene.upstream.play("[[answer]]\ntimes = 1\nstatus = 500\n[[answer]]\ndelay_ms = 700\n");
    let began = Instant::now();
    let answer = scene.client().chat(CHAT).await;
    assert_eq!((answer.status, answer.header("bastion-attempts")), (200, "2"));
    assert!(began.elapsed() >= Duration::from_millis(700));
}

#[tokio::test]
async fn a_reload_changes_the_bounds_of_the_next_call() {
    let scene = Scene::retrying(QUICK);
    scene.upstream.play("[[answer]]\nstatus = 500\n");
    assert_eq!(scene.client().chat(CHAT).await.header("bastion-attempts"), "3");
    let file = scene.bastion.config_file();
    let config = std::fs::read_to_string(&file).unwrap();
    for attempts in ["5", "1"] {
        let changed = config.replace("attempts = 3", &format!("attempts = {attempts}"));
        std::fs::write(&file, changed).unwrap();
        let reloads = scene.figure("bastion_config_reloads_total").await;
        scene.bastion.signal("HUP");
        while scene.figure("bastion_config_reloads_total").await == reloads {
            tokio::task::yield_now().await;
        }
        scene.upstream.log.clear();
        assert_eq!(scene.client().chat(CHAT).await.header("bastion-attempts"), attempts);
        assert_eq!(scene.upstream.log.entries().len().to_string(), attempts);
    }
}
