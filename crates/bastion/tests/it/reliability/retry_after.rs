//! A wait that the upstream names: every form of it is kept, and one that is too long is passed on.
//!
//! A test here must never take an early attempt for a late one: the upstream's log has the times.

use jiff::Timestamp;

use super::retry::{gaps_ms, good_calls};
use crate::client::{CHAT, STREAM};
use crate::scene::Scene;

/// Waits of our own are far below those that the upstream names here.
const SHORT: &str = "attempts = 3\nbase = \"10ms\"\ncap = \"2s\"\nbudget = 1.0\n\
                     breaker = { failures = 1000 }";

/// An HTTP date so many seconds from now.
fn date(seconds: i64) -> String {
    let moment = Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    moment.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

async fn waits(scene: &Scene, answer: &str, body: &str) -> Vec<i64> {
    scene.upstream.play(&format!("[[answer]]\ntimes = 2\n{answer}\n"));
    let given = scene.client().chat(body).await;
    assert_eq!(given.status, 200, "{answer}: {}", given.text());
    assert_eq!(given.header("bastion-attempts"), "3", "{answer}");
    assert_eq!(given.header("retry-after"), "", "{answer}: it is over");
    gaps_ms(&scene.upstream.log.entries())
}

#[tokio::test]
async fn no_attempt_comes_before_the_time_that_the_upstream_named() {
    let (in_seconds, in_millis, finer) = (
        async {
            let scene = Scene::retrying(SHORT);
            let answer = "status = 429\nheaders = { retry-after = \"1\" }";
            (waits(&scene, answer, CHAT).await, 1000)
        },
        async {
            let scene = Scene::retrying(SHORT);
            let answer = "status = 503\nheaders = { retry-after-ms = \"400\" }";
            (waits(&scene, answer, STREAM).await, 400)
        },
        async {
            let scene = Scene::retrying(SHORT);
            // The finer form wins.
            let answer =
                "status = 529\nheaders = { retry-after-ms = \"300\", retry-after = \"3600\" }";
            (waits(&scene, answer, CHAT).await, 300)
        },
    );
    let (one, two, three) = tokio::join!(in_seconds, in_millis, finer);
    for (gaps, least) in [one, two, three] {
        assert_eq!(gaps.len(), 2);
        assert!(gaps.iter().all(|gap| *gap >= least), "{gaps:?} < {least}");
    }
}

#[tokio::test]
async fn a_date_is_waited_for_and_one_that_is_past_is_no_wait() {
    let scene = Scene::retrying(SHORT);
    let named = date(2);
    let until: Timestamp = jiff::fmt::rfc2822::parse(&named).unwrap().timestamp();
    let script = format!("times = 1\nstatus = 500\nheaders = {{ retry-after = \"{named}\" }}");
    scene.upstream.play(&format!("[[answer]]\n{script}\n"));
    assert_eq!(scene.client().chat(CHAT).await.status, 200);
    let log = scene.upstream.log.entries();
    assert_eq!(log.len(), 2);
    assert!(log[1].at.micros() >= until.as_microsecond(), "{:?} is before {until}", log[1].at);
    let past = format!("status = 429\nheaders = {{ retry-after = \"{}\" }}", date(-3600));
    let gaps = waits(&scene, &past, CHAT).await;
    assert!(gaps.iter().all(|gap| *gap < 900), "{gaps:?}");
}

#[tokio::test]
async fn a_wait_above_the_cap_ends_the_attempts_and_is_passed_on() {
    let scene = Scene::retrying(SHORT);
    for (header, told) in [
        ("retry-after = \"3\"", 3),
        ("retry-after-ms = \"2001\"", 3),
        ("retry-after = \"99999999999999999999\"", 86_400),
    ] {
        for (status, ours, code) in [
            (429, 429, "rate_limit_exceeded"),
            (503, 503, "service_unavailable"),
            (500, 502, "upstream_error"),
        ] {
            let script = format!("status = {status}\nheaders = {{ {header} }}");
            let answer = scene.played(&script, CHAT).await;
            scene.failed(&answer, ours, code);
            assert_eq!(answer.header("retry-after"), told.to_string(), "{script}");
        }
    }
    let script = format!("status = 429\nheaders = {{ retry-after = \"{}\" }}", date(120));
    let answer = scene.played(&script, STREAM).await;
    scene.failed(&answer, 429, "rate_limit_exceeded");
    let told: i64 = answer.header("retry-after").parse().unwrap();
    assert!((100..=120).contains(&told), "{told}");
    assert_eq!(scene.figure("bastion_refused_retries_total").await, 0);
}

#[tokio::test]
async fn a_wait_behind_the_total_ends_the_attempts() {
    let scene = Scene::retrying(
        "attempts = 3\nbase = \"10ms\"\ncap = \"20s\"\ntotal = \"1s\"\nbreaker = { failures = 1000 }",
    );
    let answer = scene.played("status = 429\nheaders = { retry-after = \"5\" }", CHAT).await;
    scene.failed(&answer, 429, "rate_limit_exceeded");
    assert_eq!(answer.header("retry-after"), "5");
}

#[tokio::test]
async fn nonsense_is_no_wait() {
    let scene = Scene::retrying(SHORT);
    good_calls(&scene.client(), 30).await;
    for nonsense in ["-1", "soon", "", "1e9", "0x7", "Mon, 99 Nov 2099 12:00:30 GMT", "3600 s"] {
        let answer = format!("status = 503\nheaders = {{ retry-after = \"{nonsense}\" }}");
        let gaps = waits(&scene, &answer, CHAT).await;
        assert!(gaps.iter().all(|gap| *gap < 900), "{nonsense}: {gaps:?}");
        let answer = format!("status = 429\nheaders = {{ retry-after-ms = \"{nonsense}\" }}");
        let gaps = waits(&scene, &answer, CHAT).await;
        assert!(gaps.iter().all(|gap| *gap < 900), "{nonsense} ms: {gaps:?}");
    }
}
