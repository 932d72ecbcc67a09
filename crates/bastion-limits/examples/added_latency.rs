//! What the limits add to a call: counted in this process, and in the Redis at a URL.
//!
//! `cargo run --release -p bastion-limits --example added_latency -- redis://127.0.0.1:6379`
//!
//! It must never be pointed at a Redis that serves: it leaves a key there for some minutes.

#![expect(clippy::print_stdout, reason = "its output is for people")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bastion_limits::{Ask, Counting, KeyLimits, Limits, Nodes, SharedSettings, Watcher};
use bastion_runtime::Tasks;
use bastion_types::{KeyId, MonoNanos, Secret};
use tokio::time::Instant;

/// All three limits, none of which is ever in the way.
const LIMITS: KeyLimits =
    KeyLimits { rpm: Some(u32::MAX), tpm: Some(1 << 35), concurrency: Some(1_000_000) };

const CALLS: usize = 20_000;
const WARM_UP_CALLS: usize = 2_000;
const AT_ONCE: [usize; 3] = [1, 16, 128];

struct Quiet;

impl Watcher for Quiet {
    fn counting(&self, counting: Counting<'_>, _nodes: NonZeroU32) {
        if let Counting::Alone(why) = counting {
            println!("not in Redis: {why}");
        }
    }
    fn decided_alone(&self) {}
    fn untold(&self, calls: u64) {
        println!("untold: {calls}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let callers = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut places = vec![("process", Arc::new(Limits::local()))];
    if let Some(url) = std::env::args().nth(1) {
        let settings = SharedSettings {
            url: Ok(Secret::new(url)),
            password: None,
            prefix: "added-latency".to_owned(),
            timeout: Duration::from_secs(1),
            lease: Duration::from_secs(15),
        };
        let limits = runtime.block_on(async {
            let limits =
                Limits::shared(settings, Nodes::default(), Arc::new(Quiet), &Tasks::new())?;
            limits.begun().await;
            Ok::<_, bastion_limits::AddressError>(limits)
        })?;
        places.push(("Redis", Arc::new(limits)));
    }
    println!("counted in   at once    median      99 %   calls/s");
    for (place, limits) in places {
        for at_once in AT_ONCE {
            drop(callers.block_on(measure(&limits, at_once, WARM_UP_CALLS)));
            let began = Instant::now();
            let mut waits = callers.block_on(measure(&limits, at_once, CALLS));
            let took = began.elapsed();
            waits.sort_unstable();
            let at = |share: usize| {
                let wait = waits.get(waits.len() * share / 100).copied().unwrap_or_default();
                format!("{}.{} µs", wait.as_nanos() / 1000, wait.as_nanos() / 100 % 10)
            };
            let rate = u128::try_from(waits.len())? * 1000 / took.as_millis().max(1);
            println!("{place:<10} {at_once:>9} {:>11} {:>9} {rate:>9}", at(50), at(99));
        }
    }
    Ok(())
}

/// So many calls by so many callers of one thread, each admitted, settled and ended; their waits.
async fn measure(limits: &Limits, at_once: usize, calls: usize) -> Vec<Duration> {
    let key = KeyId::parse("aaaaaaaaaaaa");
    let caller = || async {
        let mut waits = Vec::new();
        let Some(key) = key else { return waits };
        for _ in 0..calls / at_once {
            let began = Instant::now();
            let Ok(permit) = limits.admit(key, LIMITS, Ask { tokens: 500 }, MonoNanos(1)).await
            else {
                continue;
            };
            waits.push(began.elapsed());
            permit.settle_tokens(100, MonoNanos(1));
            drop(permit);
            tokio::task::yield_now().await;
        }
        waits
    };
    let callers = std::iter::repeat_with(caller).take(at_once);
    futures_util::future::join_all(callers).await.concat()
}
