//! The noun `Three`: three gateways, one PostgreSQL, one Redis, one upstream, and nginx before them.
//!
//! It must never mend what a test broke: what comes back comes back by itself.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::callers::Came;
use crate::bastion::{Bastion, CONFIG, Key, LIMIT};
use crate::client::{CHAT, Client};
use crate::cost::priced;
use crate::nginx::Nginx;
use crate::port;
use crate::postgres::Postgres;
use crate::redis::Redis;
use crate::upstream::Upstream;

/// Between two looks.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What ends by a lease takes 15 s and a sign of life more.
pub(super) const BY_A_LEASE: Duration = Duration::from_mins(1);

/// What the operators of all nodes show.
pub(super) const TOKEN: &str = "it_operator_token_of_all_nodes";

/// How long a call waits for Redis where the test is not about that: on a machine that is busy
/// elsewhere the default is soon over, and a node would count alone.
pub(super) const PATIENT: &str = "5s";

/// Three gateways before one upstream.
pub(super) struct Three {
    pub(super) postgres: Postgres,
    pub(super) redis: Redis,
    pub(super) upstream: Upstream,
    pub(super) nodes: Vec<Bastion>,
    config: String,
}

impl Three {
    /// All of it, running.
    pub(super) async fn start() -> Three {
        Three::with(|config| config).await
    }

    /// With a changed configuration.
    pub(super) async fn with(change: impl FnOnce(String) -> String) -> Three {
        Three::on(Postgres::start(), change).await
    }

    /// On this PostgreSQL.
    pub(super) async fn on(postgres: Postgres, change: impl FnOnce(String) -> String) -> Three {
        let (redis, upstream) = (Redis::start(), Upstream::start());
        let config = change(config(&postgres.url(), &redis.url(), upstream.address));
        let mut three = Three::of(postgres, redis, upstream, config);
        for _ in 0..3 {
            let node = node(&three.config);
            is_ready(&node, LIMIT).await;
            three.nodes.push(node);
        }
        three
    }

    /// Without any gateway yet.
    pub(super) fn of(
        postgres: Postgres,
        redis: Redis,
        upstream: Upstream,
        config: String,
    ) -> Three {
        Three { postgres, redis, upstream, nodes: Vec::new(), config }
    }

    /// What time it is at each node, in seconds: that of a call's record.
    pub(super) async fn clocks(&self) -> Vec<i64> {
        let key = self.key(&[]).await;
        let mut clocks = Vec::new();
        for node in 0..self.nodes.len() {
            let answer = self.caller(node, &key).chat(CHAT).await;
            let record = self.record(answer.header("x-request-id")).await;
            let at: jiff::Timestamp = record["at"].as_str().unwrap().parse().unwrap();
            clocks.push(at.as_second());
        }
        clocks
    }

    /// The record of a call, waited for.
    pub(super) async fn record(&self, id: &str) -> Value {
        let find = async {
            loop {
                let found = self.operators(0).get(&format!("/admin/v1/calls/{id}")).await;
                if found.status == 200 {
                    return found.json();
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(BY_A_LEASE, find).await.expect("a call is not recorded")
    }

    /// nginx before all three, which waits so long for an answer.
    pub(super) fn nginx(&self, waits: &str) -> Nginx {
        let nodes: Vec<&Bastion> = self.nodes.iter().collect();
        let waiting = |printed: String| {
            let line = printed.lines().find(|line| line.contains("proxy_read_timeout")).unwrap();
            printed.replace(line, &format!("proxy_read_timeout {waits};"))
        };
        Nginx::before(&nodes, waiting)
    }

    /// Kills a node and starts it again where it was.
    pub(super) fn again(&mut self, node: usize) {
        let old = self.nodes.remove(node);
        let address = old.callers;
        let new = Bastion::start(old.into_folder(), |serve| {
            serve.env("BASTION_OPERATOR_TOKEN", TOKEN);
            serve.env("BASTION_SERVER__LISTEN", address.to_string());
        });
        self.nodes.insert(node, new);
    }

    /// A key that the first node makes and every node knows.
    pub(super) async fn key(&self, limits: &[&str]) -> Key {
        let key = self.key_of(0, limits).await;
        for node in &self.nodes {
            answers(node, &key, 200).await;
        }
        key
    }

    /// A key that this node makes; the others may not know it yet.
    pub(super) async fn key_of(&self, node: usize, limits: &[&str]) -> Key {
        let mut body = json!({ "environment": "dev", "service": "it" });
        for pair in limits.chunks(2) {
            body[pair[0]] = pair[1].parse::<u64>().unwrap().into();
        }
        let made = self.operators(node).post("/admin/v1/keys", &[], body.to_string()).await;
        let log = self.nodes[node].log.text();
        assert_eq!(made.status, 201, "{}\n{log}", made.text());
        let told = made.json();
        let text = |field: &str| told[field].as_str().unwrap().to_owned();
        Key { id: text("id"), text: text("api_key") }
    }

    /// Waits until every node knows the key; its limits are not touched.
    pub(super) async fn know(&self, key: &Key) {
        for node in 0..self.nodes.len() {
            let caller = self.caller(node, key);
            let ask = async {
                while caller.get("/v1/models").await.status != 200 {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
            };
            tokio::time::timeout(LIMIT, ask).await.expect("a node never knows the key");
        }
    }

    /// Waits until all nodes say so of themselves, with the status 200.
    pub(super) async fn are(&self, word: &str) {
        for node in &self.nodes {
            super::limits::is(node, word).await;
        }
    }

    /// Waits until this node answers calls that others send.
    pub(super) async fn has_a_part(&self, node: usize) {
        let begin = self.answered(node).await;
        let ask = async {
            while self.answered(node).await <= begin {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(BY_A_LEASE, ask).await.expect("no call comes to this node");
    }

    /// How many calls this node has answered well.
    async fn answered(&self, node: usize) -> u64 {
        let metrics = self.metrics(node).await;
        let good = |line: &&str| {
            line.starts_with("bastion_calls_total{") && line.contains("status=\"200\"")
        };
        let counts = metrics.lines().filter(good).filter_map(|line| line.rsplit(' ').next());
        counts.map(|count| count.parse::<u64>().unwrap()).sum()
    }

    /// Checks that each call that was answered has its charge; all that have one. That a call has one
    /// at most is in the table's key. What was put right afterwards is another kind of entry.
    pub(super) fn charged_once(&self, came: &[Came]) -> BTreeSet<String> {
        let entries = self.postgres.ask("SELECT kind || ' ' || id FROM ledger_entries");
        let charged: BTreeSet<String> = entries
            .lines()
            .filter_map(|entry| entry.strip_prefix("charge ").map(str::to_owned))
            .collect();
        for call in came.iter().filter(|call| call.status == Some(200)) {
            assert!(charged.contains(&call.id), "an answered call is not charged: {call:#?}");
        }
        charged
    }

    /// What this node tells of itself.
    pub(super) async fn metrics(&self, node: usize) -> String {
        self.operators(node).get("/metrics").await.text()
    }

    /// An operator of this node.
    pub(super) fn operators(&self, node: usize) -> Client {
        Client::with_text(self.nodes[node].operators, TOKEN)
    }

    /// A caller of this node.
    pub(super) fn caller(&self, node: usize, key: &Key) -> Client {
        Client::new(self.nodes[node].callers, key)
    }

    /// What a command at this node prints as JSON.
    pub(super) fn told(&self, node: usize, arguments: &[&str]) -> Value {
        let server = format!("http://{}", self.nodes[node].operators);
        let mut command = crate::bastion::command(self.nodes[node].folder());
        command.env("BASTION_OPERATOR_TOKEN", TOKEN).args(arguments);
        let done = command.args(["--json", "--server", &server]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {said}"))
    }

    /// The rows of 'bastion nodes', as this node tells them, once `is` holds for them.
    pub(super) async fn told_when(&self, node: usize, is: impl Fn(&[Value]) -> bool) -> Vec<Value> {
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

    /// Waits until nothing is held, and checks the ledger against all of its entries, of which there
    /// are so many then.
    pub(super) async fn settled(&self) -> i64 {
        let ask = async {
            loop {
                let told = self.operators(0).get("/admin/v1/ledger/verify").await;
                assert_eq!(told.status, 200, "{}", told.text());
                let verdict = told.json();
                assert!(verdict["ok"] == true, "{verdict}");
                if verdict["holds_open"] == 0 {
                    return verdict["entries"].as_i64().unwrap();
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(BY_A_LEASE, ask).await.expect("something stays held")
    }
}

/// The configuration that tests begin with, with prices and on these servers.
pub(super) fn config(postgres: &str, redis: &str, upstream: SocketAddr) -> String {
    let more = format!(
        "[store]\nurl = \"{postgres}\"\n[limits]\nurl = \"{redis}\"\ntimeout = \"{PATIENT}\"\n\
         [environments.dev]"
    );
    priced(&CONFIG.replace("{upstream}", &format!("http://{upstream}/v1")))
        .replace("[environments.dev]", &more)
}

/// A gateway with this configuration, whose operators show the common token.
pub(super) fn node(config: &str) -> Bastion {
    node_as(config, |_| {})
}

/// The same; `change` may add to the command.
pub(super) fn node_as(config: &str, change: impl FnOnce(&mut Command)) -> Bastion {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bastion.toml"), config).unwrap();
    Bastion::start(folder, |serve| {
        serve.env("BASTION_OPERATOR_TOKEN", TOKEN);
        // It may come back there.
        serve.env("BASTION_SERVER__LISTEN", format!("127.0.0.1:{}", port::free()));
        change(serve);
    })
}

/// Waits until a gateway is ready.
pub(super) async fn is_ready(node: &Bastion, limit: Duration) {
    readiness(node, 200, limit).await;
}

/// Waits until a gateway tells its readiness so.
pub(super) async fn readiness(node: &Bastion, status: u16, limit: Duration) {
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
pub(super) async fn answers(node: &Bastion, key: &Key, status: u16) {
    let client = Client::new(node.callers, key);
    let ask = async {
        while client.chat(CHAT).await.status != status {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let came = tokio::time::timeout(LIMIT, ask).await;
    assert!(came.is_ok(), "never {status}:\n{}", node.log.text());
}
