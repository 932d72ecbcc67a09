//! Runs the scenarios: bastion and nginx in turn, in every round.
//!
//! It must never let a run pass whose counts do not agree.

use std::path::Path;

use anyhow::{Context, ensure};

use crate::measure::pss_kib;
use crate::measured::{Measured, measure, median};
use crate::options::Options;
use crate::process::Process;
use crate::report::{self, Row};
use crate::scenario::{self, Kind, Scenario};
use crate::{against, out, stop};

/// The most memory of a gateway that does nothing, in KiB.
const MUST_IDLE_KIB: f64 = 30.0 * 1024.0;

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
