//! Three gateways on one PostgreSQL and one Redis: each part killed, frozen and brought back.
//!
//! A test here must never count on a moment: it waits for what it names, within a limit.

use std::time::Duration;

use serde_json::Value;

use crate::bastion::{Bastion, CONFIG, Key, LIMIT};
use crate::client::{CHAT, Client};
use crate::postgres::Postgres;
use crate::redis::Redis;
use crate::upstream::Upstream;

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What ends by a lease takes 15 s and a sign of life more.
const BY_A_LEASE: Duration = Duration::from_mins(1);

/// What the operators of all nodes show.
const TOKEN: &str = "it_operator_token_of_all_nodes";

/// Three gateways before one upstream.
struct Three {
    postgres: Postgres,
    redis: Redis,
    upstream: Upstream,
    nodes: Vec<Bastion>,
}

impl Three {
    async fn start() -> Three {
        let (postgres, redis, upstream) = (Postgres::start(), Redis::start(), Upstream::start());
        let mut three = Three { postgres, redis, upstream, nodes: Vec::new() };
        for _ in 0..3 {
            let node = three.node();
            is_ready(&node, LIMIT).await;
            three.nodes.push(node);
        }
        three
    }

    fn node(&self) -> Bastion {
        let more = format!(
            "[store]\nurl = \"{}\"\n[limits]\nurl = \"{}\"\ntimeout = \"5s\"\n[environments.dev]",
            self.postgres.url(),
            self.redis.url()
        );
        let config = CONFIG
            .replace("{upstream}", &format!("http://{}/v1", self.upstream.address))
            .replace("[environments.dev]", &more);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bastion.toml"), config).unwrap();
        Bastion::start(folder, |serve| {
            serve.env("BASTION_OPERATOR_TOKEN", TOKEN);
        })
    }

    /// A key that the first node makes and every node knows.
    async fn key(&self, limits: &[&str]) -> Key {
        let key = self.key_of(0, limits).await;
        for node in &self.nodes {
            answers(node, &key, 200).await;
        }
        key
    }

    async fn key_of(&self, node: usize, limits: &[&str]) -> Key {
        let mut body = serde_json::json!({ "environment": "dev", "service": "it" });
        for pair in limits.chunks(2) {
            body[pair[0]] = pair[1].parse::<u64>().unwrap().into();
        }
        let made = self.operators(node).post("/admin/v1/keys", &[], body.to_string()).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let told = made.json();
        let text = |field: &str| told[field].as_str().unwrap().to_owned();
        Key { id: text("id"), text: text("api_key") }
    }

    fn operators(&self, node: usize) -> Client {
        Client::with_text(self.nodes[node].operators, TOKEN)
    }

    /// The rows of 'bastion nodes', as this node tells them, once `is` holds for them.
    async fn told_when(&self, node: usize, is: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let ask = async {
            loop {
                let told = self.operators(node).get("/admin/v1/nodes").await.json();
                let rows = told["data"].as_array().cloned().unwrap_or_default();
                if is(&rows) {
                    return rows;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(BY_A_LEASE, ask).await.expect("the nodes never stand so")
    }
}

async fn is_ready(node: &Bastion, limit: Duration) {
    readiness(node, 200, limit).await;
}

async fn readiness(node: &Bastion, status: u16, limit: Duration) {
    let nobody = Client::with_text(node.callers, "");
    let ask = async {
        while nobody.get("/readyz").await.status != status {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let became = tokio::time::timeout(limit, ask).await;
    assert!(became.is_ok(), "never {status}:\n{}", node.log.text());
}

/// Waits until this node answers the key's calls so.
async fn answers(node: &Bastion, key: &Key, status: u16) {
    let client = Client::new(node.callers, key);
    let ask = async {
        while client.chat(CHAT).await.status != status {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let came = tokio::time::timeout(LIMIT, ask).await;
    assert!(came.is_ok(), "never {status}:\n{}", node.log.text());
}

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
