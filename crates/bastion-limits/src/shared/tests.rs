//! Limits in a real Redis: shared exactly, given back, and decided by shares while it is lost.
//!
//! A test here must never count on a moment: it waits for what it names, within a limit.

mod mirror;
mod redis;
mod trouble;

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bastion_types::KeyId;

use super::*;
use crate::KeyLimits;
use crate::watcher::Counting;
use redis::{LIMIT, Redis};

/// A call waits no longer for Redis here: the machine may be busy.
const PATIENT: Duration = Duration::from_secs(5);

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What a node was told last.
#[derive(Default)]
struct Told {
    counting: Mutex<String>,
    alone: AtomicU64,
    untold: AtomicU64,
}

impl Watcher for Told {
    fn counting(&self, counting: Counting<'_>, _nodes: NonZeroU32) {
        *self.counting.lock().unwrap() = match counting {
            Counting::Together => "together".to_owned(),
            Counting::TogetherBut(why) => format!("together but: {why}"),
            Counting::Alone(why) => format!("alone: {why}"),
        };
    }

    fn decided_alone(&self) {
        self.alone.fetch_add(1, Ordering::SeqCst);
    }

    fn untold(&self, calls: u64) {
        self.untold.fetch_add(calls, Ordering::SeqCst);
    }
}

/// One node's limits.
struct Node {
    shared: Shared,
    nodes: Nodes,
    told: Arc<Told>,
    tasks: Tasks,
}

impl Node {
    async fn of(redis: &Redis) -> Node {
        Node::with(redis, |_| {}).await
    }

    async fn with(redis: &Redis, change: impl FnOnce(&mut SharedSettings)) -> Node {
        let mut settings = SharedSettings {
            url: Ok(redis.url("")),
            password: None,
            prefix: "test".to_owned(),
            timeout: PATIENT,
            lease: Duration::from_mins(10),
        };
        change(&mut settings);
        let (nodes, told, tasks) = (Nodes::default(), Arc::new(Told::default()), Tasks::new());
        let watcher = Arc::clone(&told) as Arc<dyn Watcher>;
        let shared = Shared::open(settings, nodes.clone(), watcher, &tasks).unwrap();
        shared.begun().await;
        Node { shared, nodes, told, tasks }
    }

    async fn admit(&self, limits: KeyLimits, tokens: u64) -> Result<Permit, Denied> {
        let account = Account { key: KeyId::parse("aaaaaaaaaaaa").unwrap(), limits };
        self.shared.admit(account, Ask { tokens }, MonoNanos(1)).await
    }

    /// Waits until it was told so.
    async fn is_told(&self, part: &str) -> String {
        let told = || self.told.counting.lock().unwrap().clone();
        until(|| told().contains(part), || format!("no {part:?}, but: {}", told())).await;
        told()
    }

    /// Ends as a process does that drains.
    async fn end(self) {
        drop(self.shared);
        tokio::time::timeout(LIMIT, self.tasks.finished()).await.expect("the keeper goes on");
    }
}

async fn until(is: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let wait = async {
        while !is() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let became = tokio::time::timeout(LIMIT, wait).await;
    assert!(became.is_ok(), "{}", otherwise());
}

/// Asks until it is admitted.
async fn admitted(node: &Node, limits: KeyLimits) -> Permit {
    admitted_with(node, limits, 0).await
}

async fn admitted_with(node: &Node, limits: KeyLimits, tokens: u64) -> Permit {
    let ask = async {
        loop {
            match node.admit(limits, tokens).await {
                Ok(permit) => return permit,
                Err(_) => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    };
    tokio::time::timeout(LIMIT, ask).await.expect("it is never admitted")
}

const fn rpm(rpm: u32) -> KeyLimits {
    KeyLimits { rpm: Some(rpm), tpm: None, concurrency: None }
}

const fn slots(slots: u32) -> KeyLimits {
    KeyLimits { rpm: None, tpm: None, concurrency: Some(slots) }
}

/// All that these nodes admit when each asks so often, at the same time.
async fn all_at_once(nodes: &[&Node], limits: KeyLimits, asks: usize) -> Vec<Permit> {
    let asking = nodes.iter().flat_map(|node| {
        let one = move |_| node.admit(limits, 10);
        (0..asks).map(one)
    });
    futures_util::future::join_all(asking).await.into_iter().filter_map(Result::ok).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_nodes_admit_together_exactly_what_the_tightest_limit_allows() {
    let redis = Redis::start();
    let nodes = [Node::of(&redis).await, Node::of(&redis).await];
    for (rpm, tpm, concurrency, expect) in [
        (Some(100), None, None, 100),
        (None, Some(1_000), None, 100),
        (None, None, Some(100), 100),
        (Some(100), Some(1_000_000), Some(300), 100),
        (Some(300), Some(1_000_000), Some(100), 100),
    ] {
        let limits = KeyLimits { rpm, tpm, concurrency };
        let began = tokio::time::Instant::now();
        let permits = all_at_once(&[&nodes[0], &nodes[1]], limits, 150).await;
        // What a minute refills may come on top.
        let refilled = u32::try_from(began.elapsed().as_secs() * 2 + 2).unwrap();
        let most = if concurrency == Some(expect) { expect } else { expect + refilled };
        let admitted = u32::try_from(permits.len()).unwrap();
        assert!((expect..=most).contains(&admitted), "{admitted} of {limits:?}");
        drop(permits);
    }
    for node in nodes {
        assert_eq!(node.told.alone.load(Ordering::SeqCst), 0);
        node.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_with_one_slot_who_calls_again_at_once_is_never_refused() {
    let redis = Redis::start();
    let node = Node::of(&redis).await;
    for call in 0..500 {
        let permit = node.admit(slots(1), 0).await;
        assert!(permit.is_ok(), "call {call}: {permit:?}");
        assert!(node.admit(slots(1), 0).await.is_err(), "there is one");
    }
    node.end().await;
}

#[tokio::test]
async fn what_was_not_used_comes_back_to_all_nodes_and_debt_is_everybodys() {
    let redis = Redis::start();
    let (one, other) = (Node::of(&redis).await, Node::of(&redis).await);
    let limits = KeyLimits { tpm: Some(600_000), ..KeyLimits::default() };
    let permit = one.admit(limits, 600_000).await.unwrap();
    let denied = other.admit(limits, 300_000).await.unwrap_err();
    assert!(!denied.never && denied.retry_after_s <= 30, "{denied:?}");
    assert_eq!(denied.standing.tokens.unwrap().limit, 600_000);
    permit.settle_tokens(100_000, MonoNanos(1));
    assert_eq!(permit.standing_now(MonoNanos(1)).tokens.unwrap().remaining, 500_000);
    drop(permit);
    let permit = admitted_with(&other, limits, 450_000).await;
    permit.settle_tokens(u64::MAX, MonoNanos(1));
    drop(permit);
    let denied = async {
        loop {
            match one.admit(limits, 1).await {
                Err(denied) if denied.retry_after_s > 30 => return denied,
                _ => tokio::time::sleep(LOOK_AGAIN).await,
            }
        }
    };
    let denied = tokio::time::timeout(LIMIT, denied).await.expect("there is no debt");
    assert!(denied.retry_after_s <= 61, "debt ends at one bucket: {denied:?}");
    let never = one.admit(limits, 600_001).await.unwrap_err();
    assert!(never.never, "{never:?}");
}

/// A node that takes three slots and tells Redis nothing any more; when that was.
fn killed_with_three(node: impl Future<Output = Node>) -> SystemTime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let taking = async {
        let node = node.await;
        let permits = all_at_once(&[&node], slots(3), 3).await;
        std::mem::forget(node);
        permits
    };
    runtime.block_on(taking).into_iter().for_each(std::mem::forget);
    runtime.shutdown_background();
    SystemTime::now()
}

#[tokio::test]
async fn a_killed_nodes_slots_come_back_when_their_leases_end_and_no_earlier() {
    let redis = Redis::start();
    let short = |settings: &mut SharedSettings| settings.lease = Duration::from_secs(1);
    let node = Node::with(&redis, short).await;
    let killed = std::thread::scope(|scope| {
        scope.spawn(|| killed_with_three(Node::with(&redis, short))).join().unwrap()
    });
    let mut permits = Vec::new();
    for _ in 0..3 {
        permits.push(admitted(&node, slots(3)).await);
    }
    let after = killed.elapsed().unwrap();
    assert!(after > Duration::from_millis(500), "the slots were free too early: {after:?}");
    assert!(node.admit(slots(3), 0).await.is_err());
}

#[tokio::test]
async fn a_long_call_keeps_its_slot_by_renewal() {
    let redis = Redis::start();
    let short = |settings: &mut SharedSettings| settings.lease = Duration::from_secs(1);
    let (one, other) = (Node::with(&redis, short).await, Node::with(&redis, short).await);
    let long = one.admit(slots(1), 0).await.unwrap();
    let three_leases = tokio::time::Instant::now() + Duration::from_secs(3);
    while tokio::time::Instant::now() < three_leases {
        assert!(other.admit(slots(1), 0).await.is_err(), "the slot was lost");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    drop(long);
    drop(admitted(&other, slots(1)).await);
    assert_eq!(other.told.alone.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_ends_in_a_drain_is_told_before_the_end() {
    let redis = Redis::start();
    let (one, other) = (Node::of(&redis).await, Node::of(&redis).await);
    let permits = all_at_once(&[&one], slots(200), 200).await;
    assert_eq!(permits.len(), 200);
    drop(permits);
    one.end().await;
    assert_eq!(all_at_once(&[&other], slots(200), 200).await.len(), 200);
}

#[tokio::test]
async fn other_limits_of_a_key_begin_with_a_full_bucket_and_the_same_slots() {
    let redis = Redis::start();
    let node = Node::of(&redis).await;
    assert_eq!(all_at_once(&[&node], rpm(1), 9).await.len(), 1);
    assert_eq!(all_at_once(&[&node], rpm(2), 2).await.len(), 2);
    let held = all_at_once(&[&node], slots(2), 9).await;
    assert_eq!(held.len(), 2);
    assert_eq!(all_at_once(&[&node], slots(5), 9).await.len(), 3, "two of five are taken");
}

#[tokio::test]
async fn a_key_without_limits_asks_nobody() {
    let redis = Redis::start();
    let node = Node::of(&redis).await;
    redis.signal("STOP");
    let permit = node.admit(KeyLimits::default(), u64::MAX).await;
    redis.signal("CONT");
    assert!(permit.is_ok());
}
