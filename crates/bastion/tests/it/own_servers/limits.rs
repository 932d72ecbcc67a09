//! Limits that two gateways count together in a Redis, which is lost, frozen and brought back.
//!
//! A test here must never count on a moment: it waits for what it names, within a limit.

use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::bastion::{Bastion, CONFIG, Key, LIMIT};
use crate::client::{CHAT, Client, STREAM};
use crate::limits::{count, held, limited, number};
use crate::redis::Redis;
use crate::upstream::Upstream;

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// An hour between events: streams are held until their callers leave.
const HELD: &str = "[[answer]]\ngap_ms = 3600000\nevents = ['{}', '{}']\n";

/// Two gateways with the same keys before one upstream, on one Redis.
struct Two {
    upstream: Upstream,
    redis: Redis,
    nodes: [Bastion; 2],
    key: Key,
}

fn config(upstream: &Upstream, redis: &Redis, lease: &str) -> String {
    let limits = format!(
        "[limits]\nurl = \"{}\"\ntimeout = \"5s\"\nlease = \"{lease}\"\n[environments.dev]",
        redis.url()
    );
    CONFIG
        .replace("{upstream}", &format!("http://{}/v1", upstream.address))
        .replace("idle = \"1s\"", "idle = \"1h\"")
        .replace("[environments.dev]", &limits)
}

impl Two {
    /// With one key of these limits.
    async fn set(limits: &[&str], lease: &str) -> Two {
        let (upstream, redis) = (Upstream::start(), Redis::start());
        let config = config(&upstream, &redis, lease);
        let first = Bastion::with(&config);
        let key = first.key("dev", limits);
        // Two stores cannot be one file: the second one begins as a copy.
        let folder = first.into_folder();
        let second = copy(folder.path());
        let nodes = [Bastion::start(folder, |_| {}), Bastion::start(second, |_| {})];
        let two = Two { upstream, redis, nodes, key };
        two.are("ready").await;
        two
    }

    fn clients(&self) -> [Client; 2] {
        [0, 1].map(|node| Client::new(self.nodes[node].callers, &self.key))
    }

    /// Waits until both say so of themselves.
    async fn are(&self, word: &str) {
        for node in &self.nodes {
            is(node, word).await;
        }
    }

    /// Both are asked so often, all at once; what each call was told.
    async fn at_once(&self, count: usize) -> Vec<crate::client::Answer> {
        let mut calls = tokio::task::JoinSet::new();
        for client in self.clients() {
            for _ in 0..count {
                let client = client.clone();
                calls.spawn(async move { client.chat(CHAT).await });
            }
        }
        calls.join_all().await
    }
}

/// Waits until a gateway says so of itself, with the status 200.
pub(super) async fn is(node: &Bastion, word: &str) {
    let nobody = Client::with_text(node.callers, "");
    let ask = async {
        loop {
            let ready = nobody.get("/readyz").await;
            if (ready.status, ready.text().as_str()) == (200, word) {
                return;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let became = tokio::time::timeout(LIMIT, ask).await;
    assert!(became.is_ok(), "it is never {word}:\n{}", node.log.text());
}

fn copy(folder: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let copied = std::process::Command::new("cp")
        .args(["-a", &format!("{}/.", folder.display()), &copy.path().display().to_string()])
        .status();
    assert!(copied.unwrap().success());
    copy
}

/// A key's rate may refill so many while a test runs, of so many a minute.
fn refilled(began: SystemTime, per_minute: u64) -> u64 {
    began.elapsed().unwrap().as_secs() * per_minute / 60 + 1
}

#[tokio::test]
async fn two_gateways_admit_together_exactly_the_requests_of_a_minute() {
    let two = Two::set(&["--rpm", "12"], "15s").await;
    let began = SystemTime::now();
    let answers = two.at_once(30).await;
    let good = answers.iter().filter(|answer| answer.status == 200).count() as u64;
    let most = 12 + refilled(began, 12);
    assert!((12..=most).contains(&good), "{good} of at most {most}");
    assert_eq!(two.upstream.log.entries().len() as u64, good);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        limited(answer);
        assert_eq!(number(answer, "x-ratelimit-limit-requests"), 12);
    }
    let metrics = Client::with_text(two.nodes[0].operators, "").get("/metrics").await.text();
    assert!(metrics.contains("bastion_limits_decided_alone_total 0"), "{metrics}");
}

#[tokio::test]
async fn two_gateways_hold_together_exactly_the_calls_at_once() {
    let two = Two::set(&["--concurrency", "5"], "15s").await;
    two.upstream.play(HELD);
    let [one, other] = two.clients();
    let streams = [held(&one, 3).await, held(&other, 2).await];
    for answer in two.at_once(8).await {
        limited(&answer);
    }
    assert_eq!(two.upstream.log.entries().len(), 5);
    drop(streams);
    for (node, left) in two.nodes.iter().zip([3, 2]) {
        node.calls_when(|calls| count(calls, "cancelled") == left).await;
    }
    // Told to Redis by then, or within a moment.
    let streams = [held_when_free(&one, 1).await, held_when_free(&other, 4).await];
    for answer in two.at_once(4).await {
        limited(&answer);
    }
    drop(streams);
}

/// Opens so many streams, each one as soon as there is a slot.
pub(super) async fn held_when_free(
    client: &Client,
    count: usize,
) -> Vec<hyper::Response<hyper::body::Incoming>> {
    let mut held = Vec::new();
    let open = async {
        while held.len() < count {
            let stream = client.open_stream().await;
            if stream.status() == 200 {
                held.push(stream);
            }
        }
    };
    let opened = tokio::time::timeout(LIMIT, open).await;
    assert!(opened.is_ok(), "only {} of {count} slots are free", held.len());
    held
}

#[tokio::test]
async fn a_killed_gateways_slots_come_back_to_the_other() {
    let Two { upstream, redis, nodes, key } = Two::set(&["--concurrency", "3"], "2s").await;
    upstream.play(HELD);
    let [one, other] = nodes;
    let streams = held(&Client::new(one.callers, &key), 3).await;
    let client = Client::new(other.callers, &key);
    limited(&client.chat(STREAM).await);
    drop(one.into_folder());
    drop(held_when_free(&client, 3).await);
    drop((streams, redis));
}

#[tokio::test]
async fn a_redis_that_is_killed_is_replaced_by_shares_until_it_is_back() {
    let mut two = Two::set(&["--rpm", "6", "--concurrency", "4"], "15s").await;
    two.upstream.play(HELD);
    let [one, other] = two.clients();
    let streams = held(&one, 2).await;
    two.redis.go();
    two.are("degraded").await;
    for node in &two.nodes {
        node.log.wait_for("limits are counted by this node alone");
        let operators = Client::with_text(node.operators, "");
        assert!(operators.get("/metrics").await.text().contains("bastion_limits_degraded 1"));
        let told = operators.get("/readyz").await.json();
        let why = told["degraded"][0]["why"].as_str().unwrap();
        assert!(why.contains("cannot be reached"), "{told}");
    }
    // A call is decided at once, and what runs goes on.
    two.upstream.play("[[answer]]\nmatch = { model = \"none\" }\n");
    let answer = other.chat(CHAT).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    two.redis.come();
    two.are("ready").await;
    two.upstream.play(HELD);
    // The two that run are known to the new Redis: two slots are left.
    let more = held(&other, 2).await;
    limited(&one.chat(STREAM).await);
    drop((streams, more));
    for node in &two.nodes {
        node.log.wait_for("limits are counted in Redis");
    }
}

#[tokio::test]
async fn a_redis_that_is_frozen_makes_no_call_hang() {
    let (upstream, redis) = (Upstream::start(), Redis::start());
    let config =
        config(&upstream, &redis, "15s").replace("timeout = \"5s\"", "timeout = \"100ms\"");
    let node = Bastion::with(&config);
    let client = Client::new(node.callers, &node.key("dev", &["--rpm", "1000"]));
    is(&node, "ready").await;
    redis.signal("STOP");
    for _ in 0..3 {
        let answer = client.chat(CHAT).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    is(&node, "degraded").await;
    assert!(node.log.text().contains("did not answer within 100 ms"), "{}", node.log.text());
    redis.signal("CONT");
    is(&node, "ready").await;
    assert_eq!(client.chat(CHAT).await.status, 200);
}

#[tokio::test]
async fn a_redis_with_a_password_is_told_it_by_reference_and_nobody_else() {
    const PASSWORD: &str = "redis-hunter2-4711";
    let (upstream, redis) = (Upstream::start(), Redis::start());
    assert_eq!(redis.tell(&format!("CONFIG SET requirepass {PASSWORD}")), "+OK\r\n");
    let config = config(&upstream, &redis, "15s");
    let config = config.replace("[limits]\n", "[limits]\npassword = \"env:IT_REDIS_PASSWORD\"\n");
    for (password, word, says) in [
        (PASSWORD, "ready", "limits are counted in Redis"),
        ("redis-swordfish-4712", "degraded", "refuses our user or password"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bastion.toml"), &config).unwrap();
        let node = Bastion::start(folder, |serve| {
            serve.env("IT_REDIS_PASSWORD", password);
        });
        is(&node, word).await;
        node.log.wait_for(says);
        let operators = Client::with_text(node.operators, &node.token());
        let settings = operators.get("/admin/v1/config").await.text();
        let log = node.log.text();
        assert!(!log.contains(password) && !settings.contains(password), "{log}\n{settings}");
        assert!(settings.contains("env:IT_REDIS_PASSWORD"), "{settings}");
    }
    // Nothing behind the reference: it starts, serves by its share, and says that it is not ready.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bastion.toml"), &config).unwrap();
    let node = Bastion::start(folder, |_| {});
    let ready = Client::with_text(node.callers, "").get("/readyz").await;
    assert_eq!((ready.status, ready.text().as_str()), (503, "not ready"));
    node.log.wait_for("limits.password: env:IT_REDIS_PASSWORD resolves to nothing");
    let client = Client::new(node.callers, &node.key("dev", &["--rpm", "5"]));
    assert_eq!(client.chat(CHAT).await.status, 200);
}

#[tokio::test]
async fn a_redis_that_is_not_there_at_the_start_keeps_nobody_from_starting() {
    let (upstream, mut redis) = (Upstream::start(), Redis::start());
    redis.go();
    let node = Bastion::with(&config(&upstream, &redis, "15s"));
    is(&node, "degraded").await;
    let client = Client::new(node.callers, &node.key("dev", &["--rpm", "5"]));
    assert_eq!(client.chat(CHAT).await.status, 200);
    redis.come();
    is(&node, "ready").await;
    assert_eq!(number(&client.chat(CHAT).await, "x-ratelimit-remaining-requests"), 4);
}

#[tokio::test]
async fn a_redis_behind_tls_is_trusted_by_the_systems_roots_and_by_nothing_else() {
    let (upstream, (redis, ca)) = (Upstream::start(), Redis::secure());
    let config = config(&upstream, &redis, "15s");
    for (is_known, word) in [(true, "ready"), (false, "degraded")] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("bastion.toml"), &config).unwrap();
        let roots = folder.path().join("roots.pem");
        let other = rcgen::generate_simple_self_signed(vec!["ca.test".to_owned()]).unwrap();
        let pem = if is_known { ca.clone() } else { other.cert.pem() };
        std::fs::write(&roots, pem).unwrap();
        let node = Bastion::start(folder, |serve| {
            serve.env("SSL_CERT_FILE", &roots);
        });
        is(&node, word).await;
        if !is_known {
            node.log.wait_for("invalid peer certificate");
        }
    }
}
