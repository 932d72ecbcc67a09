//! `bastion drill`: run drills on a rehearsal, watch them, read their records.
//!
//! It must never leave a drill running behind it.

mod history;
mod list;
mod run;

use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::operator::{Failure, OperatorArguments};

const EXAMPLES: &str = "\
Examples:
  bastion drill list
  bastion drill run retry --env prod
  bastion drill run --all --env prod
  bastion drill history --env prod

A drill runs on a rehearsal: a second gateway in the server's process, with the deployment's own
rules, a simulated upstream and a scratch store. It touches nothing that is live.";

/// Run drills on a rehearsal, and read what came of them
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DrillArguments {
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Every drill, and what it shows
    List(list::ListArguments),
    /// Run drills, one after the other; Ctrl-C ends the one that runs
    Run(run::RunArguments),
    /// Runs so far, newest first
    History(history::HistoryArguments),
}

/// Runs the command.
///
/// # Errors
/// Never: what fails is said here and is part of the exit code.
#[expect(clippy::unnecessary_wraps, reason = "every command is run in this form")]
pub(crate) fn run(arguments: &DrillArguments) -> anyhow::Result<Exit> {
    let done = match &arguments.act {
        Act::List(act) => list::run(&arguments.operator, act),
        Act::Run(act) => run::run(&arguments.operator, act),
        Act::History(act) => history::run(&arguments.operator, act),
    };
    Ok(done.unwrap_or_else(Failure::told))
}
