//! Runs the scenarios: bastion and nginx in turn, in every round.
//!
//! It must never let a run pass whose counts do not agree.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::task::LocalSet;

use crate::load::{Load, Target};
use crate::measure::{cpu_ns, pss_kib};
use crate::metric::get;
use crate::options::Options;
use crate::process::Process;
use crate::report::{self, Row};
use crate::scenario::{self, Kind, Money, Scenario};
use crate::upstream::Counts;
use crate::{against, out, stop};

/// Before each measured run, so that connections are there.
const WARM_UP: Duration = Duration::from_secs(1);

/// How long answers that were given up may take to be gone.
const SETTLE: Duration = Duration::from_secs(2);

/// The most memory of a gateway that does nothing, in KiB.
const MUST_IDLE_KIB: f64 = 30.0 * 1024.0;

/// One measured run of one target.
pub(crate) struct Measured {
    /// Microseconds of processor time a call; KiB a stream where streams are held.
    pub(crate) cost: f64,
    p50_ms: f64,
}

/// Everything that was asked for; true when every bound was met.
pub(crate) fn run(options: &Options) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let all = options.scenario.is_empty();
        let chosen =
            |scenario: &&Scenario| all || options.scenario.iter().any(|name| name == scenario.name);
        let chosen = scenario::ALL.iter().filter(chosen).map(|scenario| options.lasting(scenario));
        let chosen: Vec<_> = chosen.collect();
        ensure!(all || !chosen.is_empty(), "no scenario is called so");
        if let Some(other) = &options.against {
            against::compare(options, other, &chosen).await?;
            return Ok(true);
        }
        let rows = scenarios(options, &chosen).await?;
        if let Some(path) = &options.markdown {
            std::fs::write(path, report::markdown(&rows)).context("the table is not written")?;
        }
        let mut met = rows.iter().all(Row::is_met);
        if all && options.stops > 0 {
            let folder = tempfile::tempdir()?;
            let binary = std::path::absolute(&options.binary)?;
            met &= stop::run(folder.path(), (&binary, options.preload()), options.stops).await?;
        }
        Ok(met)
    })
}

async fn scenarios(options: &Options, chosen: &[Scenario]) -> anyhow::Result<Vec<Row>> {
    let (ours, theirs) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let upstream = Process::upstream()?;
    let binary = std::path::absolute(&options.binary)?;
    let gateway = (binary.as_path(), options.preload());
    let bastion = Process::bastion(ours.path(), gateway, upstream.address)?;
    let nginx = Process::nginx(theirs.path(), upstream.address)?;
    let idle = pss_kib(bastion.id())?;
    let idle = idle_row(idle, pss_kib(nginx.id())?);
    out::line(&report::line(&idle));
    let mut rows = vec![idle];
    for scenario in chosen {
        let mut rounds = Vec::new();
        if matches!(scenario.kind, Kind::Hold { .. }) {
            rounds.push(held_alone(scenario, gateway, &upstream).await?);
        } else {
            for round in 1..=options.rounds {
                out::progress(&format!("{} round {round} of {}", scenario.name, options.rounds));
                let one = measure(scenario, &bastion, &upstream).await?;
                let other = measure(scenario, &nginx, &upstream).await?;
                rounds.push((one, other));
            }
        }
        let row = row(scenario, &rounds);
        out::line(&report::line(&row));
        rows.push(row);
    }
    Ok(rows)
}

/// Memory is measured once, and of processes that have done nothing else: what an earlier crowd has
/// left would be there for the next one, and cost nothing.
async fn held_alone(
    scenario: &Scenario,
    gateway: (&Path, Option<&Path>),
    upstream: &Process,
) -> anyhow::Result<(Measured, Measured)> {
    let (ours, theirs) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let bastion = Process::bastion(ours.path(), gateway, upstream.address)?;
    let nginx = Process::nginx(theirs.path(), upstream.address)?;
    out::progress(scenario.name);
    let one = measure(scenario, &bastion, upstream).await?;
    Ok((one, measure(scenario, &nginx, upstream).await?))
}

fn idle_row(bastion_kib: u64, nginx_kib: u64) -> Row {
    let float = |kib: u64| f64::from(u32::try_from(kib).unwrap_or(u32::MAX));
    Row {
        name: "idle",
        unit: "KiB",
        bastion: float(bastion_kib),
        nginx: float(nginx_kib),
        figure: float(bastion_kib),
        must: MUST_IDLE_KIB,
    }
}

fn row(scenario: &Scenario, rounds: &[(Measured, Measured)]) -> Row {
    let of = |figure: &dyn Fn(&(Measured, Measured)) -> f64| median(rounds.iter().map(figure));
    let (unit, figure) = match scenario.kind {
        Kind::Calls => ("x nginx (us)", of(&|(one, other)| one.cost / other.cost)),
        Kind::Paced => ("ms added", of(&|(one, other)| one.p50_ms - other.p50_ms)),
        Kind::Hold { .. } => ("KiB a stream", of(&|(one, _)| one.cost)),
    };
    Row {
        name: scenario.name,
        unit,
        bastion: of(&|(one, _)| one.cost),
        nginx: of(&|(_, other)| other.cost),
        figure,
        must: scenario.must,
    }
}

/// The middle one of them.
pub(crate) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
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
