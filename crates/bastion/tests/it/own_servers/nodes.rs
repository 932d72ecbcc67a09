//! Three gateways on one PostgreSQL and one Redis: each part killed, frozen and brought back.
//!
//! A test here must never count on a moment: it waits for what it names, within a limit.

use serde_json::Value;

use super::three::{BY_A_LEASE, LOOK_AGAIN, Three, answers, is_ready, readiness};
use crate::bastion::LIMIT;
use crate::client::{CHAT, Client};

#[tokio::test]
async fn three_gateways_share_their_keys_their_limits_and_their_records() {
    let three = Three::start().await;
    let key = three.key(&["concurrency", "5"]).await;
    let rows = three.told_when(1, |rows| rows.len() == 3).await;
    assert!(rows.iter().all(|row| row["ended_at"].is_null()), "{rows:?}");
    assert_eq!(rows.iter().filter(|row| row["this"] == true).count(), 1);
    // A call of one node is found by another one.
    let call = Client::new(three.nodes[2].callers, &key).chat(CHAT).await;
    let id = call.header("x-request-id").to_owned();
    let found = async {
        while three.operators(0).get(&format!("/admin/v1/calls/{id}")).await.status != 200 {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(LIMIT, found).await.unwrap();
    let revoke = format!("/admin/v1/keys/{}/revoke", key.id);
    assert_eq!(three.operators(1).post(&revoke, &[], "{}").await.status, 200);
    for node in &three.nodes {
        answers(node, &key, 401).await;
    }
}

#[tokio::test]
async fn keys_are_known_while_postgresql_is_lost_and_everything_comes_back_by_itself() {
    let mut three = Three::start().await;
    let key = three.key(&[]).await;
    three.postgres.go();
    for node in &three.nodes {
        answers(node, &key, 200).await;
    }
    for node in &three.nodes {
        readiness(node, 503, BY_A_LEASE).await;
    }
    let refused = three.operators(0).post("/admin/v1/keys", &[], KEY).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
    three.postgres.come();
    for node in &three.nodes {
        is_ready(node, BY_A_LEASE).await;
    }
    let made = three.key(&[]).await;
    assert_ne!(made.id, key.id);
}

const KEY: &str = r#"{"environment":"dev","service":"it"}"#;

#[tokio::test]
async fn no_call_waits_for_a_postgresql_that_is_frozen() {
    let three = Three::start().await;
    let key = three.key(&[]).await;
    three.postgres.signal("STOP");
    for node in &three.nodes {
        answers(node, &key, 200).await;
    }
    for node in &three.nodes {
        readiness(node, 503, BY_A_LEASE).await;
    }
    three.postgres.signal("CONT");
    for node in &three.nodes {
        is_ready(node, BY_A_LEASE).await;
    }
}

#[tokio::test]
async fn a_node_that_is_killed_is_found_and_one_that_was_frozen_goes_on_under_a_new_lease() {
    let mut three = Three::start().await;
    let key = three.key(&[]).await;
    let killed = three.nodes.remove(2);
    let killed_id = u64::from(killed.process());
    drop(killed);
    let frozen_id = u64::from(three.nodes[1].process());
    three.nodes[1].signal("STOP");
    let lapsed = |rows: &[Value], id: u64| {
        rows.iter().any(|row| row["process"] == id && row["ending"] == "lapsed")
    };
    three.told_when(0, |rows| lapsed(rows, killed_id) && lapsed(rows, frozen_id)).await;
    // Meanwhile its key is revoked: the node must not open it when it wakes.
    let revoke = format!("/admin/v1/keys/{}/revoke", key.id);
    assert_eq!(three.operators(0).post(&revoke, &[], "{}").await.status, 200);
    three.nodes[1].signal("CONT");
    let woken = Client::new(three.nodes[1].callers, &key);
    let asked = async {
        loop {
            let status = woken.chat(CHAT).await.status;
            assert!(status == 503 || status == 401, "a revoked key opens: {status}");
            if status == 401 {
                return;
            }
        }
    };
    tokio::time::timeout(LIMIT, asked).await.unwrap();
    let alive = |rows: &[Value]| {
        rows.iter().any(|row| row["process"] == frozen_id && row["ending"].is_null())
    };
    three.told_when(0, alive).await;
    is_ready(&three.nodes[1], LIMIT).await;
}
