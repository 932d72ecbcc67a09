//! The retry budget: a storm of failures never multiplies.
//!
//! A test here must never count attempts by the answers: the upstream and the metrics count them.

use tokio::task::JoinSet;

use super::{figure, retrying};
use crate::bastion::{Bastion, CONFIG};
use crate::client::{CHAT, Client};
use crate::scene::Scene;

const BUDGETED: &str = "attempts = 3\nbase = \"10ms\"\ncap = \"20ms\"\nbudget = 0.2\n\
                        breaker = { failures = 1000 }";

/// Retries that sixty calls may have: 20 %, which is more than the ten that are always allowed.
const ALLOWED: u64 = 12;

/// So many failing calls at once; gives the sum of what their answers tell.
async fn storm(client: &Client, calls: usize) -> u64 {
    let mut storm = JoinSet::new();
    for _ in 0..calls {
        let client = client.clone();
        storm.spawn(async move { client.chat(CHAT).await });
    }
    let mut told = 0;
    for answer in storm.join_all().await {
        assert_eq!(answer.refusal().0, 502);
        assert_eq!(answer.header("x-should-retry"), "false");
        told += answer.header("bastion-attempts").parse::<u64>().unwrap();
    }
    told
}

#[tokio::test]
async fn sixty_failing_calls_are_seventy_two_attempts() {
    let scene = Scene::retrying(BUDGETED);
    scene.upstream.play("[[answer]]\nstatus = 500\n");
    let told = storm(&scene.client(), 60).await;
    let log = scene.upstream.log.entries().len() as u64;
    assert_eq!(log, told);
    assert!((70..=60 + ALLOWED).contains(&log), "{log}");
    assert_eq!(scene.figure("bastion_attempts_total").await, log);
    let refused = scene.figure("bastion_refused_retries_total").await;
    assert!((48..=60).contains(&refused), "{refused}");
    scene.bastion.log.wait_for("retry budget");
}

#[tokio::test]
async fn sixty_calls_to_nobody_are_seventy_two_attempts() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = CONFIG.replace("{upstream}", &format!("http://{closed}/v1"));
    let bastion = Bastion::with(&retrying(&config, BUDGETED));
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    let told = storm(&client, 60).await;
    assert!((70..=60 + ALLOWED).contains(&told), "{told}");
    let counted = "bastion_attempts_total{upstream=\"simulated\",outcome=\"Unreachable\"";
    assert_eq!(figure(&bastion, counted).await, told);
    assert!(figure(&bastion, "bastion_refused_retries_total").await >= 48);
}

#[tokio::test]
async fn what_an_sdk_sends_again_by_itself_uses_the_budget_up() {
    let scene = Scene::retrying(BUDGETED);
    let client = scene.client();
    let again = async |count: &str| {
        let headers = [("x-stainless-retry-count", count)];
        assert_eq!(client.post("/v1/chat/completions", &headers, CHAT).await.status, 200);
    };
    for nothing in ["0", "-1", "x", ""] {
        again(nothing).await;
    }
    assert_eq!(scene.figure("bastion_client_retries_total").await, 0);
    for count in ["1", "2", "1", "7", "1", "1", "1", "1", "1"] {
        again(count).await;
    }
    assert_eq!(scene.figure("bastion_client_retries_total").await, 9);
    // Nine of the ten that a minute always has are used up.
    scene.upstream.play("[[answer]]\nstatus = 500\n");
    assert_eq!(client.chat(CHAT).await.header("bastion-attempts"), "2");
    assert_eq!(client.chat(CHAT).await.header("bastion-attempts"), "1");
    assert_eq!(scene.upstream.log.entries().len(), 3);
    assert_eq!(scene.figure("bastion_refused_retries_total").await, 2);
}
