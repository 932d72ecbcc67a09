//! `bastion keys show`: what is known of one key.
//!
//! It must never show more than the operator API does.

use clap::Args;

use super::address::{KeyArgument, path_of};
use super::record::{Record, now};
use crate::exit::Exit;
use crate::operator::{Failure, Operator, OperatorArguments};
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion keys show 4kXq81mZp0Ba
  bastion keys show 4kXq81mZp0Ba --json";

/// What is known of one key
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ShowArguments {
    #[command(flatten)]
    key: KeyArgument,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    operator: &OperatorArguments,
    arguments: &ShowArguments,
) -> Result<Exit, Failure> {
    let id = arguments.key.parse()?;
    let answer = Operator::open(operator)?.get(&path_of(id))?;
    if arguments.json {
        out::line(&answer.to_string());
    } else {
        out::line(&Record::read(&answer)?.page(now()));
    }
    Ok(Exit::Done)
}
