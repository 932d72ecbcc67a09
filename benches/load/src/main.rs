//! What the gateway costs beside nginx, measured in one run on one machine: `scripts/bench`.
//!
//! A figure must never leave without its counterpart of the same minute; a run whose counts do not
//! agree fails.

mod against;
mod load;
mod measure;
mod measured;
mod metric;
mod options;
mod out;
mod process;
mod report;
mod run;
mod scenario;
mod stop;
mod upstream;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use options::Options;

/// What the gateway costs beside nginx.
#[derive(Debug, Parser)]
#[command(name = "scripts/bench", after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    act: Option<Act>,
    #[command(flatten)]
    options: Options,
}

const EXAMPLES: &str = "\
Examples:
  scripts/bench                                       everything, three rounds
  scripts/bench --rounds 1 --scenario ns_c32
  scripts/bench --against ../before/bastion --rounds 12 --seconds 2 --scenario ns_c32
  scripts/bench --markdown figures.md";

#[derive(Debug, Subcommand)]
enum Act {
    /// The upstream alone; the harness starts it
    #[command(hide = true)]
    Upstream,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.act {
        Some(Act::Upstream) => upstream::main().map(|()| true),
        None => run::run(&arguments.options),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(cause) => {
            out::progress(&format!("error: {cause:#}"));
            ExitCode::from(2)
        }
    }
}
