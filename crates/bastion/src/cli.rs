//! The commands: one file each. Names, options and exit codes are those of the interface.
//!
//! A command must never print past `out`, and never end the process by itself.

mod balance;
mod cap;
mod check;
mod completions;
mod config;
mod demo;
mod drill;
mod explain;
mod init;
mod keys;
mod ledger;
mod man;
mod nodes;
mod serve;
mod sim;
mod spend;
mod store;

use std::process::ExitCode;

use bastion_store::StoreError;
use clap::{CommandFactory, Parser, Subcommand};

use crate::exit::Exit;
use crate::out;

/// The gateway in front of an LLM API: every box of the production checklist, made true.
#[derive(Debug, Parser)]
#[command(name = "bastion", version, max_term_width = 100, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  bastion demo                                   a working gateway, nothing to configure
  bastion init && bastion serve                  your own
  bastion keys create --env dev --service web    a key for a service
  bastion explain model_not_found                what a code means and how to mend it";

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything in one process, nothing to configure: simulated upstream, gateway, a key
    Demo(demo::DemoArguments),
    /// The gateway
    Serve(serve::ServeArguments),
    /// The simulated upstream alone
    Sim(sim::SimArguments),
    /// Write a commented bastion.toml, or print a proxy's configuration
    Init(init::InitArguments),
    /// Check or show the configuration
    Config(config::ConfigArguments),
    /// The launch gate: every box of the production checklist, and what proves it
    Check(check::CheckArguments),
    /// Run drills on a rehearsal, and read what came of them
    Drill(drill::DrillArguments),
    /// Make, list, rotate and revoke keys
    Keys(keys::KeysArguments),
    /// The prepaid balance: what is left, and what is paid in
    Balance(balance::BalanceArguments),
    /// An environment's spend cap: what is spent, held and free
    Cap(cap::CapArguments),
    /// What was spent in a month, by environment, service, key, model and more
    Spend(spend::SpendArguments),
    /// Work every sum of the ledger out anew, or put one right
    Ledger(ledger::LedgerArguments),
    /// The processes that share this deployment's store
    Nodes(nodes::NodesArguments),
    /// The store's schema: look at it, or bring it up to date
    Store(store::StoreArguments),
    /// What a code means, why, and how to mend it
    Explain(explain::ExplainArguments),
    /// Completions for a shell
    Completions(completions::CompletionsArguments),
    /// The manual page
    #[command(after_help = man::EXAMPLES)]
    Man,
}

/// Runs the command that the process was started with.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments.command) {
        Ok(exit) => exit.into(),
        Err(cause) => {
            out::error(&format!("{cause:#}"));
            exit_of(&cause).into()
        }
    }
}

/// A database that cannot be reached is a server that could not be.
fn exit_of(cause: &anyhow::Error) -> Exit {
    match cause.downcast_ref() {
        Some(StoreError::Unreachable { .. }) => Exit::Unreachable,
        _ => Exit::Usage,
    }
}

fn run(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Sim(arguments) => sim::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Drill(arguments) => drill::run(&arguments),
        Command::Keys(arguments) => keys::run(&arguments),
        Command::Balance(arguments) => balance::run(&arguments),
        Command::Cap(arguments) => cap::run(&arguments),
        Command::Spend(arguments) => spend::run(&arguments),
        Command::Ledger(arguments) => ledger::run(&arguments),
        Command::Nodes(arguments) => nodes::run(&arguments),
        Command::Store(arguments) => store::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Completions(arguments) => completions::run(&arguments, Arguments::command()),
        Command::Man => man::run(Arguments::command()),
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use clap_complete::Shell;

    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_shell_gets_the_commands() {
        for shell in Shell::value_variants() {
            let script = completions::script(*shell, Arguments::command()).unwrap();
            assert!(script.contains("bastion") && script.contains("rotate"), "{shell}");
        }
    }

    #[test]
    fn the_manual_has_every_command() {
        let manual = man::manual(Arguments::command()).unwrap();
        for name in ["bastion", "bastion-keys", "bastion-keys-create", "bastion-config-check"] {
            assert!(manual.contains(&format!(".TH {name} 1")), "{name}: {manual}");
        }
        assert!(manual.contains("\\-\\-cap"), "and their arguments");
    }

    #[test]
    fn every_commands_help_ends_with_examples() {
        fn check(command: &clap::Command) {
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(examples.starts_with("Example"), "{}", command.get_name());
            man::shown_below(command).for_each(check);
        }
        check(&Arguments::command());
    }
}
