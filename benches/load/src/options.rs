//! What the harness is asked for.
//!
//! A default must never be a smaller run than the docs' figures come from.

use std::path::PathBuf;

/// What is run, and where it goes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The gateway
    #[arg(long, default_value = "target/release/bastion")]
    pub(crate) binary: PathBuf,
    /// A library that the gateway is started with (`LD_PRELOAD`), such as another allocator
    #[arg(long)]
    pub(crate) preload: Option<PathBuf>,
    /// How often each scenario is run; the medians are told
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
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
