//! One measured run of one target, and the middle one of many.
//!
//! It must never give a figure whose counts do not agree.

use std::time::Duration;

use anyhow::ensure;
use tokio::task::LocalSet;

use crate::load::{Load, Target};
use crate::measure::{cpu_ns, pss_kib};
use crate::metric::get;
use crate::process::Process;
use crate::scenario::{Kind, Money, Scenario};
use crate::upstream::Counts;

/// Before each measured run, so that connections are there.
const WARM_UP: Duration = Duration::from_secs(1);

/// How long answers that were given up may take to be gone.
const SETTLE: Duration = Duration::from_secs(2);

/// One measured run of one target.
pub(crate) struct Measured {
    /// Microseconds of processor time a call; KiB a stream where streams are held.
    pub(crate) cost: f64,
    pub(crate) p50_ms: f64,
}

/// The middle one of them.
pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let at = |index: usize| figures.get(index).copied().unwrap_or_default();
    let middle = figures.len() / 2;
    // Of an even number the upper one alone would say that a change costs more than it does.
    if figures.len().is_multiple_of(2) {
        f64::midpoint(at(middle.saturating_sub(1)), at(middle))
    } else {
        at(middle)
    }
}

/// A measured run of one target, behind one that only warms it up.
pub(crate) async fn measure(
    scenario: &Scenario,
    process: &Process,
    upstream: &Process,
) -> anyhow::Result<Measured> {
    let key = match scenario.money {
        Money::Counted => &process.key,
        Money::Held => &process.capped_key,
    };
    let target = Target { address: process.address, key: key.clone() };
    let (latency_ms, events, gap_ms) = scenario.upstream;
    let set = format!("/set?latency_ms={latency_ms}&events={events}&gap_ms={gap_ms}");
    if let Kind::Hold { streams } = scenario.kind {
        get(upstream.address, &set).await?;
        return held(&target, process, streams).await;
    }
    get(upstream.address, &set).await?;
    target.bear(Load { lasts: WARM_UP, ..scenario.load }).await?;
    get(upstream.address, &set).await?;
    let before_ns = cpu_ns(process.id())?;
    let mut done = target.bear(scenario.load).await?;
    let spent_ns = cpu_ns(process.id())?.saturating_sub(before_ns);
    let calls = u64::try_from(done.latencies_us.len())?;
    let counts = counts(upstream).await?;
    agrees(scenario, calls, &counts)?;
    if !process.key.is_empty() {
        kept(scenario, &counts)?;
    }
    let cost = Duration::from_nanos(spent_ns / calls.max(1)).as_secs_f64() * 1e6;
    Ok(Measured { cost, p50_ms: done.p50_ms() })
}

/// Each call was one request, and none is left open.
fn agrees(scenario: &Scenario, calls: u64, counts: &Counts) -> anyhow::Result<()> {
    let name = scenario.name;
    ensure!(counts.requests == calls, "{name}: {calls} calls were {} requests", counts.requests);
    ensure!(counts.open == 0, "{name}: {} answers are still open", counts.open);
    Ok(())
}

/// The gateway's connections were there. nginx's are its own affair: it lets some go.
fn kept(scenario: &Scenario, counts: &Counts) -> anyhow::Result<()> {
    let callers = u64::from(scenario.load.connections);
    // A thread may have too few for a crowd that came to it anew; and we asked for the counts.
    let allowed = callers / 4 + 2;
    ensure!(
        counts.connections <= allowed,
        "{}: {} new connections to the upstream for {callers} callers",
        scenario.name,
        counts.connections
    );
    Ok(())
}

async fn held(target: &Target, process: &Process, streams: u32) -> anyhow::Result<Measured> {
    let before_kib = pss_kib(process.id())?;
    let local = LocalSet::new();
    target.hold(streams, &local).await?;
    local.run_until(tokio::time::sleep(SETTLE)).await;
    let grown_kib = pss_kib(process.id())?.saturating_sub(before_kib);
    drop(local);
    tokio::time::sleep(SETTLE).await;
    let cost = f64::from(u32::try_from(grown_kib)?) / f64::from(streams);
    Ok(Measured { cost, p50_ms: 0.0 })
}

async fn counts(upstream: &Process) -> anyhow::Result<Counts> {
    Ok(serde_json::from_slice(&get(upstream.address, "/counts").await?)?)
}
