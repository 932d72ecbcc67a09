//! Two gateways in turn, so that a change is seen that is smaller than what runs differ by.
//!
//! It must never favour the one that is measured first: the order changes with every round.

use std::path::Path;

use anyhow::ensure;

use crate::measured::{Measured, measure, median};
use crate::options::Options;
use crate::out;
use crate::process::Process;
use crate::scenario::{Kind, Scenario};

/// Calls through the one and the other; held streams and fixed rates are not compared.
pub(crate) async fn compare(
    options: &Options,
    other: &Path,
    chosen: &[Scenario],
) -> anyhow::Result<()> {
    let (ours, theirs) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let (binary, other) = (std::path::absolute(&options.binary)?, std::path::absolute(other)?);
    let upstream = Process::upstream()?;
    let one = Process::bastion(ours.path(), (&binary, options.preload()), upstream.address)?;
    let other = Process::bastion(theirs.path(), (&other, None), upstream.address)?;
    let calls = |scenario: &&Scenario| matches!(scenario.kind, Kind::Calls);
    ensure!(chosen.iter().any(|scenario| calls(&scenario)), "none of these compares calls");
    for scenario in chosen.iter().filter(calls) {
        let mut pairs = Vec::new();
        for round in 0..options.rounds {
            out::progress(&format!("{} round {} of {}", scenario.name, round + 1, options.rounds));
            pairs.push(if round % 2 == 0 {
                let first = measure(scenario, &one, &upstream).await?;
                (first, measure(scenario, &other, &upstream).await?)
            } else {
                let first = measure(scenario, &other, &upstream).await?;
                (measure(scenario, &one, &upstream).await?, first)
            });
        }
        out::line(&line(scenario, &pairs));
    }
    Ok(())
}

fn line(scenario: &Scenario, pairs: &[(Measured, Measured)]) -> String {
    let ratio = |(one, other): &(Measured, Measured)| one.cost / other.cost;
    let least = pairs.iter().map(ratio).fold(f64::INFINITY, f64::min);
    let most = pairs.iter().map(ratio).fold(0.0, f64::max);
    format!(
        "{:<10} {:>7.1} us  against {:>7.1} us  ratio {:.3} ({least:.3} to {most:.3}, {} pairs)",
        scenario.name,
        median(pairs.iter().map(|(one, _)| one.cost)),
        median(pairs.iter().map(|(_, other)| other.cost)),
        median(pairs.iter().map(ratio)),
        pairs.len(),
    )
}
