//! `bastion drill list`: every drill there is.
//!
//! It must never start one.

use clap::Args;
use serde_json::Value;

use crate::drilling::{PATH, field};
use crate::exit::Exit;
use crate::operator::{Failure, Operator, OperatorArguments};
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion drill list
  bastion drill list --json";

/// Every drill, and what it shows
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ListArguments {
    /// One line of JSON: {"data":[…],"running":…,"next":null}
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    operator: &OperatorArguments,
    arguments: &ListArguments,
) -> Result<Exit, Failure> {
    let answer = Operator::open(operator)?.get(PATH)?;
    if arguments.json {
        out::line(&answer.to_string());
        return Ok(Exit::Done);
    }
    let drills = answer.get("data").and_then(Value::as_array).into_iter().flatten();
    let row = |drill: &Value| ["name", "box", "shows"].map(|name| field(drill, name)).to_vec();
    out::line(&out::table(&["drill", "box", "shows"], drills.map(row).collect()));
    if let Some(running) = answer.get("running").filter(|running| !running.is_null()) {
        let (drill, environment) = (field(running, "drill"), field(running, "environment"));
        let progress = field(running, "progress");
        out::note(&format!("'{drill}' runs for {environment}: {progress}"));
    }
    Ok(Exit::Done)
}
