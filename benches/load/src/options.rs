//! What the harness is asked for.
//!
//! A default must never be a smaller run than the docs' figures come from.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::load::Load;
use crate::scenario::Scenario;

/// What is run, and where it goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The gateway
    #[arg(long, default_value = "target/release/bastion")]
    pub(crate) binary: PathBuf,
    /// A library that the gateway is started with (`LD_PRELOAD`), such as another allocator; the one
    /// that it is compared with is not
    #[arg(long)]
    pub(crate) preload: Option<PathBuf>,
    /// Another gateway to compare with, in place of nginx: before a change, say; no bound is held
    /// against it
    #[arg(long, conflicts_with_all = ["markdown", "stops"])]
    pub(crate) against: Option<PathBuf>,
    /// How long a measured run lasts, in seconds, in place of the scenario's own four
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) seconds: Option<u64>,
    /// How often each scenario is run; the medians are told
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Only these; all of them where none is named, and the stops
    #[arg(long)]
    pub(crate) scenario: Vec<String>,
    /// How often a caller leaves on each way
    #[arg(long, default_value_t = 200)]
    pub(crate) stops: u32,
    /// The table for the docs
    #[arg(long)]
    pub(crate) markdown: Option<PathBuf>,
}

impl Options {
    /// The scenario as it is to be run.
    pub(crate) fn lasting(&self, scenario: &Scenario) -> Scenario {
        let lasts = self.seconds.map_or(scenario.load.lasts, Duration::from_secs);
        Scenario { load: Load { lasts, ..scenario.load }, ..*scenario }
    }

    /// The library that the gateway is started with.
    pub(crate) fn preload(&self) -> Option<&Path> {
        self.preload.as_deref()
    }
}
