//! A Redis that is lost, forgets, refuses, is full, is old or is somebody else's.
//!
//! A test here must never leave a call without an answer: shares decide, or Redis does.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::*;

const SHORT: Duration = Duration::from_millis(200);

fn impatient(settings: &mut SharedSettings) {
    settings.timeout = SHORT;
}

fn alone(node: &Node) -> u64 {
    node.told.alone.load(Ordering::SeqCst)
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_replaced_by_shares_until_it_comes() {
    let mut redis = Redis::absent(&[]);
    let node = Node::of(&redis).await;
    let told = node.is_told("alone: Redis at 127.0.0.1:").await;
    assert!(told.contains("cannot be reached") && told.contains("limits.url"), "{told}");
    node.nodes.set(NonZeroU32::new(3).unwrap());
    let admitted = all_at_once(&[&node], rpm(60), 60).await;
    assert_eq!((admitted.len(), alone(&node)), (20, 60));
    redis.come();
    node.is_told("together").await;
    assert_eq!(all_at_once(&[&node], rpm(59), 70).await.len(), 59);
    assert_eq!(alone(&node), 60, "Redis decides again");
}

#[tokio::test]
async fn a_killed_redis_is_noticed_without_a_call_and_calls_that_run_count_on_both_sides() {
    let mut redis = Redis::start();
    let node = Node::of(&redis).await;
    let other = Node::of(&redis).await;
    for node in [&node, &other] {
        node.nodes.set(NonZeroU32::new(2).unwrap());
    }
    let held = all_at_once(&[&node], slots(6), 4).await;
    redis.go();
    node.is_told("alone").await;
    other.is_told("alone").await;
    // A share is 3, and this node runs 4 already.
    assert_eq!(all_at_once(&[&node], slots(6), 9).await.len(), 0);
    let more = all_at_once(&[&other], slots(6), 9).await;
    assert_eq!(more.len(), 3);
    redis.come();
    node.is_told("together").await;
    other.is_told("together").await;
    assert!(node.admit(slots(6), 0).await.is_err(), "seven of six run");
    drop((held, more));
    let mut all = Vec::new();
    for _ in 0..6 {
        all.push(admitted(&node, slots(6)).await);
    }
    assert!(node.admit(slots(6), 0).await.is_err());
}

#[tokio::test]
async fn a_frozen_redis_costs_a_call_the_time_out_once_and_then_nothing() {
    let redis = Redis::start();
    let node = Node::with(&redis, impatient).await;
    drop(node.admit(rpm(1000), 0).await.unwrap());
    redis.signal("STOP");
    let began = tokio::time::Instant::now();
    let permits = all_at_once(&[&node], rpm(1000), 10).await;
    assert_eq!(permits.len(), 10);
    let waited = began.elapsed();
    let told = node.is_told("alone").await;
    assert!(told.contains("did not answer within 200 ms"), "{told}");
    let before = alone(&node);
    assert!(waited < LIMIT / 4 && before == 10, "{waited:?} {before}");
    redis.signal("CONT");
    node.is_told("together").await;
    drop(admitted(&node, rpm(1000)).await);
    assert_eq!(alone(&node), before);
}

#[tokio::test]
async fn what_is_flushed_in_mid_flight_is_made_anew() {
    let redis = Redis::start();
    let node = Node::with(&redis, |settings| settings.lease = Duration::from_millis(1500)).await;
    let held = all_at_once(&[&node], slots(3), 3).await;
    assert_eq!(held.len(), 3);
    redis.tell(&["SCRIPT", "FLUSH"]);
    assert!(node.admit(slots(3), 0).await.is_err(), "the script comes back with the next call");
    redis.tell(&["FLUSHALL"]);
    // The renewal tells of the calls that run; until then there is room.
    let is_full = async {
        while let Ok(permit) = node.admit(slots(3), 0).await {
            drop(permit);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    tokio::time::timeout(LIMIT, is_full).await.expect("running calls are forgotten");
    assert_eq!(alone(&node), 0, "Redis was never lost");
}

#[tokio::test]
async fn a_key_that_is_somebody_elses_is_decided_by_the_share_and_no_other() {
    let redis = Redis::start();
    let node = Node::of(&redis).await;
    redis.tell(&["HSET", "{test:aaaaaaaaaaaa}:rates:7:-", "field", "value"]);
    assert_eq!(all_at_once(&[&node], rpm(7), 9).await.len(), 7, "by its share, of one node");
    assert_eq!(all_at_once(&[&node], rpm(8), 9).await.len(), 8);
    assert_eq!(alone(&node), 9);
    let told = node.is_told("together but").await;
    assert!(told.contains("limits.prefix"), "{told}");
    redis.tell(&["DEL", "{test:aaaaaaaaaaaa}:rates:7:-"]);
    until(|| *node.told.counting.lock().unwrap() == "together", || "it stays so".into()).await;
    // A text that is no number of ours is a full bucket.
    redis.tell(&["SET", "{test:aaaaaaaaaaaa}:rates:9:-", "nonsense"]);
    assert_eq!(all_at_once(&[&node], rpm(9), 12).await.len(), 9);
}

#[tokio::test]
async fn a_full_redis_is_replaced_by_shares_until_it_has_room() {
    let redis = Redis::start();
    let node = Node::of(&redis).await;
    redis.tell(&["CONFIG", "SET", "maxmemory", "1"]);
    let told = node.is_told("alone").await;
    assert!(told.contains("out of memory"), "{told}");
    assert_eq!(all_at_once(&[&node], rpm(5), 9).await.len(), 5);
    redis.tell(&["CONFIG", "SET", "maxmemory", "0"]);
    node.is_told("together").await;
}

#[tokio::test]
async fn a_password_is_right_or_the_words_say_what_is_wrong() {
    let redis = Redis::with(&["--requirepass", "hunter2-4711"]);
    let with = |password: Option<&str>| {
        let password = password.map(|text| Secret::new(text.to_owned()));
        Node::with(&redis, |settings| settings.password = password)
    };
    with(Some("hunter2-4711")).await.is_told("together").await;
    let told = with(None).await.is_told("alone").await;
    assert!(told.contains("wants a password"), "{told}");
    let told = with(Some("swordfish-4712")).await.is_told("alone").await;
    assert!(told.contains("refuses our user or password"), "{told}");
    assert!(!told.contains("swordfish"), "{told}");
    let url = redis.url(":hunter2-4711@");
    Node::with(&redis, |settings| settings.url = Ok(url)).await.is_told("together").await;
}

#[tokio::test]
async fn a_user_who_may_not_do_what_it_must_is_told_what_to_allow() {
    let redis = Redis::with(&["--user", "half", "on", "nopass", "~other:*", "+@all"]);
    let url = redis.url("half:x@");
    let node = Node::with(&redis, |settings| settings.url = Ok(url)).await;
    let told = node.is_told("alone").await;
    assert!(told.contains("ZREMRANGEBYSCORE") && told.contains("limits.prefix"), "{told}");
}

/// Answers INFO as a Redis of this version would.
fn old(version: &'static str) -> Secret {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|stream| talk(stream, version));
    });
    Secret::new(format!("redis://{address}"))
}

fn talk(mut stream: TcpStream, version: &str) {
    let info = format!("# Server\r\nredis_version:{version}\r\n");
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut bytes) {
        let text = String::from_utf8_lossy(&bytes[..read]);
        let unknown = "-ERR unknown command\r\n".repeat(text.matches("CLIENT\r\n").count());
        let known = format!("${}\r\n{info}\r\n", info.len());
        let known = known.repeat(text.matches("INFO\r\n").count());
        if stream.write_all(format!("{unknown}{known}").as_bytes()).is_err() {
            return;
        }
    }
}

#[tokio::test]
async fn an_old_redis_is_not_counted_in_and_told_which_will_do() {
    let redis = Redis::absent(&[]);
    let node = Node::with(&redis, |settings| settings.url = Ok(old("5.0.14"))).await;
    let told = node.is_told("alone").await;
    assert!(told.contains("is version 5.0.14; install 6.0 or newer"), "{told}");
    assert_eq!(all_at_once(&[&node], rpm(5), 9).await.len(), 5);
}

#[tokio::test]
async fn a_call_that_wants_more_than_a_share_still_runs_without_redis() {
    let redis = Redis::absent(&[]);
    let node = Node::of(&redis).await;
    node.nodes.set(NonZeroU32::new(4).unwrap());
    let limits = KeyLimits { tpm: Some(1000), ..KeyLimits::default() };
    let permit = node.admit(limits, 900).await.unwrap();
    assert_eq!(permit.standing().tokens.unwrap().remaining, 0, "it takes the whole share");
    assert!(node.admit(limits, 1).await.is_err());
    assert!(node.admit(limits, 1001).await.unwrap_err().never);
    drop(permit);
    node.end().await;
}
