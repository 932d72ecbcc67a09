//! Keys, rates and the balance, as a client meets them.
//!
//! A refusal must never show the key.

use bastion_sim::SimOptions;

use crate::client::{CHAT, KEY, PLAIN, chat, get, send};
use crate::upstream::Upstream;

#[tokio::test]
async fn no_key_and_a_foreign_key_are_401() {
    let keys = vec![KEY.to_owned()];
    let upstream = Upstream::start(SimOptions { keys, ..SimOptions::default() });
    for key in [None, Some("qbt_another_0123456789")] {
        let reply = send(upstream.address, "POST", CHAT, key, PLAIN.as_bytes()).await;
        assert_eq!((reply.status, reply.code().as_str()), (401, "invalid_api_key"));
        assert!(!reply.text().contains("qbt_"));
    }
    assert_eq!(chat(upstream.address, PLAIN).await.status, 200);
    upstream.controls.set_keys(vec!["next".to_owned()]);
    assert_eq!(chat(upstream.address, PLAIN).await.status, 401);
    assert_eq!(get(upstream.address, "/v1/unknown").await.status, 404, "before the key");
}

#[tokio::test]
async fn past_the_rate_it_is_429_with_whole_seconds() {
    let rate_per_minute = Some(2);
    let upstream = Upstream::start(SimOptions { rate_per_minute, ..SimOptions::default() });
    for _ in 0..2 {
        assert_eq!(chat(upstream.address, PLAIN).await.status, 200);
    }
    let reply = chat(upstream.address, PLAIN).await;
    assert_eq!((reply.status, reply.code().as_str()), (429, "rate_limit_exceeded"));
    let wait: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait));
    upstream.controls.set_rate_per_minute(None);
    assert_eq!(chat(upstream.address, PLAIN).await.status, 200);
}

#[tokio::test]
async fn an_empty_balance_is_402_but_models_cost_nothing() {
    let upstream = Upstream::start(SimOptions { balance_tokens: Some(1), ..Default::default() });
    assert_eq!(chat(upstream.address, PLAIN).await.status, 200, "the last answer is whole");
    assert_eq!(upstream.controls.balance_tokens(), Some(0));
    let reply = chat(upstream.address, PLAIN).await;
    assert_eq!((reply.status, reply.code().as_str()), (402, "insufficient_funds"));
    assert_eq!(reply.json()["error"]["type"], "insufficient_quota");
    assert_eq!(get(upstream.address, "/v1/models").await.status, 200);
    upstream.controls.set_balance_tokens(Some(10_000));
    let total = chat(upstream.address, PLAIN).await.json()["usage"]["total_tokens"].as_u64();
    assert_eq!(upstream.controls.balance_tokens(), Some(10_000 - total.unwrap()));
}
