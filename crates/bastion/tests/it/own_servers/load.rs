//! nginx before three gateways under load: rates and calls at the same time are exact over all of them.
//!
//! A test here must never count on a moment: what refills while it runs is worked out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bastion_sim::LogEntry;

use super::limits::held_when_free;
use super::three::Three;
use crate::client::{CHAT, Client};
use crate::limits::limited;

/// Callers at the same time.
const CALLERS: u32 = 48;

/// Requests a minute: a bucket that the callers empty at once, and twelve more each second.
const RPM: u32 = 720;

/// Refusals until the load ends: by then the bucket has refilled for a while.
const REFUSALS: usize = 3000;

/// What came of one caller's calls.
#[derive(Default)]
struct Told {
    admitted: u32,
    /// When its first admitted call was answered.
    first: Option<SystemTime>,
    /// When the last call was sent that was refused.
    refused: Option<SystemTime>,
    refusals: usize,
}

async fn calls(client: Client, ends: &AtomicBool) -> Told {
    let mut told = Told::default();
    while !ends.load(Ordering::Relaxed) {
        let sent = SystemTime::now();
        let answer = client.chat(CHAT).await;
        if answer.status == 200 {
            told.admitted += 1;
            told.first.get_or_insert_with(SystemTime::now);
        } else {
            limited(&answer);
            told.refused = Some(sent);
            told.refusals += 1;
            if told.refusals * CALLERS as usize >= REFUSALS {
                ends.store(true, Ordering::Relaxed);
            }
        }
    }
    told
}

/// What a bucket of so many a minute refills between two moments.
fn refilled(from: SystemTime, to: SystemTime) -> f64 {
    to.duration_since(from).unwrap().as_secs_f64() * f64::from(RPM) / 60.0
}

#[tokio::test]
async fn a_rate_is_exact_over_three_gateways_behind_nginx_under_load() {
    let three = Three::start().await;
    let nginx = three.nginx("30s");
    let rpm = RPM.to_string();
    // Not asked for before: its bucket is full.
    let key = three.key_of(0, &["rpm", &rpm]).await;
    three.know(&key).await;
    let (ends, began) = (AtomicBool::new(false), SystemTime::now());
    let all = (0..CALLERS).map(|_| calls(Client::new(nginx.address, &key), &ends));
    let told = futures_util::future::join_all(all).await;
    let ended = SystemTime::now();
    let admitted: u32 = told.iter().map(|told| told.admitted).sum();
    let first = told.iter().filter_map(|told| told.first).min().unwrap();
    let refused = told.iter().filter_map(|told| told.refused).max().unwrap();
    // Nothing refills a full bucket; and a refusal says that all was taken that there was by then.
    let least = f64::from(RPM) + refilled(first, refused) - 1.0;
    let most = f64::from(RPM) + refilled(began, ended);
    let is = f64::from(admitted);
    assert!(least <= is && is <= most, "{admitted} admitted, not within {least} and {most}");
    assert!(refilled(first, refused) > 1.0, "too short to tell: {first:?} to {refused:?}");
    assert_eq!(three.upstream.sent(), u64::from(admitted));
    for node in 0..3 {
        let metrics = three.metrics(node).await;
        assert!(metrics.contains("bastion_limits_decided_alone_total 0"), "{metrics}");
        assert!(metrics.contains("status=\"200\""), "node {node} had a part in it: {metrics}");
    }
}

/// Slots.
const SLOTS: usize = 7;

/// So many calls are admitted before the load ends.
const ADMITTED: usize = 400;

#[tokio::test]
async fn calls_at_once_are_exact_over_three_gateways_behind_nginx_under_load() {
    let three = Three::with(|config| config.replace("idle = \"1s\"", "idle = \"1m\"")).await;
    let nginx = three.nginx("60s");
    let slots = SLOTS.to_string();
    let key = three.key(&["concurrency", &slots]).await;
    three.upstream.play("[[answer]]\ndelay_ms = 20\n");
    let client = Client::new(nginx.address, &key);
    let callers = (0..CALLERS).map(|_| async {
        while three.upstream.log.entries().len() < ADMITTED {
            let answer = client.chat(CHAT).await;
            if answer.status != 200 {
                limited(&answer);
            }
        }
    });
    futures_util::future::join_all(callers).await;
    assert_eq!(most_at_once(&three.upstream.log.entries()), SLOTS);
    // All of them are free again: that many streams are held, through whichever gateway.
    three.upstream.play("[[answer]]\ngap_ms = 3600000\nevents = ['{}', '{}']\n");
    let streams = held_when_free(&client, SLOTS).await;
    for _ in 0..6 {
        limited(&client.chat(CHAT).await);
    }
    drop(streams);
}

/// How many requests the upstream had at the same time, at most.
fn most_at_once(log: &[LogEntry]) -> usize {
    let mut steps = Vec::new();
    for entry in log {
        steps.push((entry.at, 1));
        steps.extend(entry.closed_at.map(|at| (at, -1)));
    }
    // At the same microsecond one that ends comes first: the next one was let in behind it.
    steps.sort();
    let mut now = 0_isize;
    let counted = steps.iter().map(|(_, step)| {
        now += step;
        now
    });
    usize::try_from(counted.max().unwrap_or_default()).unwrap()
}
