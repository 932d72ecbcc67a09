//! `bastion nodes`: the processes that share a store, and their leases.
//!
//! It must never guess: times are those of the database's clock.

use clap::Args;
use serde_json::Value;

use crate::exit::Exit;
use crate::operator::{Failure, Operator, OperatorArguments};
use crate::out;

const PATH: &str = "/admin/v1/nodes";

const COLUMNS: &[&str] =
    &["node", "host", "process", "version", "since", "sign of life", "standing"];

const EXAMPLES: &str = "\
Examples:
  bastion nodes
  bastion nodes --json

A node that gives no sign of life for 15 s has ended: the others deal with what it left.";

/// The processes that share this deployment's store
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct NodesArguments {
    #[command(flatten)]
    operator: OperatorArguments,
    /// One line of JSON: {"data":[…],"next":null}
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Never: what fails is said here and is part of the exit code.
#[expect(clippy::unnecessary_wraps, reason = "every command is run in this form")]
pub(crate) fn run(arguments: &NodesArguments) -> anyhow::Result<Exit> {
    Ok(list(arguments).unwrap_or_else(Failure::told))
}

fn list(arguments: &NodesArguments) -> Result<Exit, Failure> {
    let answer = Operator::open(&arguments.operator)?.get(PATH)?;
    if arguments.json {
        out::line(&answer.to_string());
        return Ok(Exit::Done);
    }
    let nodes = answer.get("data").and_then(Value::as_array);
    let rows = nodes.map_or(&[][..], Vec::as_slice).iter().map(row).collect();
    out::line(&out::table(COLUMNS, rows));
    Ok(Exit::Done)
}

fn row(node: &Value) -> Vec<String> {
    let told = |name: &str| match node.get(name) {
        Some(Value::String(text)) => out::printable(text),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) | None => String::new(),
    };
    let is = |name: &str| node.get(name).and_then(Value::as_bool).unwrap_or(false);
    let standing = match (told("ending").as_str(), is("settled"), is("this")) {
        ("", _, true) => "serving, asked".to_owned(),
        ("", _, false) => "serving".to_owned(),
        (ending, true, _) => ending.to_owned(),
        (ending, false, _) => format!("{ending}, not dealt with"),
    };
    let mut row =
        ["epoch", "host", "process", "version", "began_at", "heartbeat_at"].map(told).to_vec();
    row.push(standing);
    row
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_nodes_standing_is_told_in_words() {
        let check = |ending: Value, settled: bool, this: bool, expect: &str| {
            let node = json!({ "epoch": 3, "host": "a", "ending": ending, "settled": settled,
                "this": this });
            let row = row(&node);
            assert_eq!((row[0].as_str(), row[6].as_str()), ("3", expect));
        };
        check(Value::Null, false, true, "serving, asked");
        check(Value::Null, false, false, "serving");
        check(json!("lapsed"), false, false, "lapsed, not dealt with");
        check(json!("closed"), true, false, "closed");
    }
}
