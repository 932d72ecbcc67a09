//! Regions: no failure of an allowed upstream ever leads to one that is not allowed.
//!
//! A test here must never overlook a connection: not a byte may go elsewhere.

use super::fallback::Several;
use super::retry::QUICK;
use crate::client::{CHAT, Client, STREAM};

/// Everything that leads to another attempt.
const FAILURES: [&str; 6] = [
    "status = 500",
    "status = 429\nheaders = { retry-after = \"3600\" }",
    "status = 401\nbody = '{}'",
    "status = 402\nbody = '{}'",
    "cut_after = 0",
    "status = 404\nbody = '{\"detail\":\"Not Found\"}'",
];

fn caller(several: &Several) -> Client {
    Client::new(several.bastion.callers, &several.bastion.key("prod", &[]))
}

#[tokio::test]
async fn a_failing_upstream_never_leads_to_another_region() {
    let several = Several::set(&["CA", "US"], QUICK);
    let client = caller(&several);
    for failure in FAILURES {
        for body in [CHAT, STREAM] {
            several.play(&[failure, ""]);
            let answer = client.chat(body).await;
            assert!(matches!(answer.status, 429 | 502 | 503), "{failure}: {answer:?}");
            assert_eq!(answer.header("bastion-region"), "CA", "{failure}");
            assert_eq!(several.received()[1], 0, "{failure}");
        }
    }
    let elsewhere = format!("http://{}/v1/chat/completions", several.upstreams[1].address);
    for status in [301, 302, 307, 308] {
        let script = format!("status = {status}\nheaders = {{ location = \"{elsewhere}\" }}");
        several.play(&[&script, ""]);
        let answer = client.chat(CHAT).await;
        several.failed(&answer, 502, "upstream_error", &[1, 0]).await;
    }
    assert!(several.upstreams[1].log.connections().is_empty(), "a byte went elsewhere");
    // The same where it is allowed.
    several.play(&["status = 500", ""]);
    let answer = several.client().chat(CHAT).await;
    several.answered_by(1, &answer, &[1, 1]).await;
}

#[tokio::test]
async fn only_the_allowed_one_is_asked_wherever_it_stands() {
    let several = Several::set(&["US", "CA", "US"], QUICK);
    let client = caller(&several);
    several.play(&["", "", ""]);
    let answer = client.chat(CHAT).await;
    several.answered_by(1, &answer, &[0, 1, 0]).await;
    assert_eq!(answer.header("bastion-region"), "CA");
    several.play(&["", "status = 503", ""]);
    let answer = client.chat(STREAM).await;
    several.failed(&answer, 503, "service_unavailable", &[0, 3, 0]).await;
    for other in [0, 2] {
        assert!(several.upstreams[other].log.connections().is_empty(), "{other}");
    }
}

#[tokio::test]
async fn an_open_breaker_does_not_lead_to_another_region() {
    let retry = "attempts = 1\nbreaker = { failures = 1, open = \"1h\" }";
    let several = Several::set(&["CA", "US"], retry);
    let client = caller(&several);
    several.play(&["status = 500", ""]);
    assert_eq!(client.chat(CHAT).await.refusal(), (502, "upstream_error".to_owned()));
    for _ in 0..3 {
        let answer = client.chat(CHAT).await;
        assert_eq!(answer.refusal(), (503, "service_unavailable".to_owned()));
        assert_eq!(answer.header("bastion-attempts"), "0");
    }
    assert_eq!(several.received(), [1, 0]);
    assert!(several.upstreams[1].log.connections().is_empty(), "a byte went elsewhere");
}
