//! `bastion keys`: make, list, show, revoke and rotate keys, through a running server.
//!
//! It must never print a plain key twice, and never end one that is in use without being told to.

mod address;
mod create;
mod list;
mod once;
mod record;
mod revoke;
mod rotate;
mod show;

use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::operator::{Failure, OperatorArguments};

const EXAMPLES: &str = "\
Examples:
  bastion keys create --env prod --service api-worker --rpm 600
  bastion keys list --env prod
  bastion keys rotate 4kXq81mZp0Ba --overlap 24h
  bastion keys revoke 4kXq81mZp0Ba";

/// Make, list, rotate and revoke keys
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct KeysArguments {
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Make a key for a service; it is printed once
    Create(create::CreateArguments),
    /// The keys, without their secrets
    List(list::ListArguments),
    /// What is known of one key
    Show(show::ShowArguments),
    /// End a key for good; one in use only when you say so
    Revoke(revoke::RevokeArguments),
    /// Give a key a second secret; the id stays, the old secret ends after the overlap
    Rotate(rotate::RotateArguments),
}

/// Runs the command.
///
/// # Errors
/// Never: what fails is said here and is part of the exit code.
#[expect(clippy::unnecessary_wraps, reason = "every command is run in this form")]
pub(crate) fn run(arguments: &KeysArguments) -> anyhow::Result<Exit> {
    let done = match &arguments.act {
        Act::Create(act) => create::run(&arguments.operator, act),
        Act::List(act) => list::run(&arguments.operator, act),
        Act::Show(act) => show::run(&arguments.operator, act),
        Act::Revoke(act) => revoke::run(&arguments.operator, act),
        Act::Rotate(act) => rotate::run(&arguments.operator, act),
    };
    Ok(done.unwrap_or_else(Failure::told))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        keys: KeysArguments,
    }

    fn parses(line: &str) -> bool {
        Line::try_parse_from(std::iter::once("keys").chain(line.split(' '))).is_ok()
    }

    #[test]
    fn a_line_is_understood_or_refused() {
        for right in [
            "create --env prod --service api-worker",
            "create --env prod --service a --rpm 600 --tpm 100000 --concurrency 8 --expires 90d",
            "create --server http://10.0.0.1:8081 --env prod --service a --json",
            "create --env prod --service a --surface s --cap 20/day --cap 300/month",
            "list",
            "list --env prod --service a --all --json --data-dir /var/lib/bastion",
            "show 4kXq81mZp0Ba --json",
            "revoke 4kXq81mZp0Ba --force",
            "rotate 4kXq81mZp0Ba",
            "rotate 4kXq81mZp0Ba --overlap 24h",
            "rotate 4kXq81mZp0Ba --now --json",
        ] {
            assert!(parses(right), "{right}");
        }
        for wrong in [
            "create --env prod",
            "create --service a",
            "create --env Prod --service a",
            "create --env prod --service a/b",
            "create --env prod --service a --expires 90",
            "create --env prod --service a --expires 0d",
            "create --env prod --service a --rpm 0",
            "create --env prod --service a --rpm -1",
            "list --env Prod",
            "show",
            "rotate 4kXq81mZp0Ba --overlap 24",
            "rotate 4kXq81mZp0Ba --overlap 24h --now",
            "destroy 4kXq81mZp0Ba",
        ] {
            assert!(!parses(wrong), "{wrong}");
        }
    }
}
