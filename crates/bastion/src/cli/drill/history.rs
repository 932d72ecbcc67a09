//! `bastion drill history`: what came of the runs so far.
//!
//! It must never show a run that was cut as anything else.

use bastion_types::EnvironmentName;
use clap::Args;
use serde_json::Value;

use crate::drilling::{RUNS_PATH, field};
use crate::exit::Exit;
use crate::operator::{Failure, Operator, OperatorArguments, query_value};
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion drill history
  bastion drill history --env prod --drill retry --limit 5
  bastion drill history --json";

/// Runs so far, newest first
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct HistoryArguments {
    /// Only those of this environment
    #[arg(long = "env", value_name = "ENVIRONMENT", value_parser = EnvironmentName::parse)]
    environment: Option<EnvironmentName>,
    /// Only those of this drill
    #[arg(long, value_name = "DRILL")]
    drill: Option<String>,
    /// How many, 1 to 200
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
    limit: u32,
    /// One line of JSON: {"data":[…],"next":…}
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    operator: &OperatorArguments,
    arguments: &HistoryArguments,
) -> Result<Exit, Failure> {
    let mut path = format!("{RUNS_PATH}?limit={}", arguments.limit);
    let environment = arguments.environment.as_ref().map(EnvironmentName::as_str);
    for (name, value) in [("env", environment), ("drill", arguments.drill.as_deref())] {
        if let Some(value) = value {
            path = path + "&" + name + "=" + &query_value(value);
        }
    }
    let answer = Operator::open(operator)?.get(&path)?;
    if arguments.json {
        out::line(&answer.to_string());
        return Ok(Exit::Done);
    }
    let runs: Vec<&Value> =
        answer.get("data").and_then(Value::as_array).into_iter().flatten().collect();
    if runs.is_empty() {
        out::note("no drill was run; begin with 'bastion drill run --all --env prod'");
        return Ok(Exit::Done);
    }
    out::line(&out::table(
        &["started", "drill", "environment", "outcome", "reason"],
        runs.into_iter().map(row).collect(),
    ));
    Ok(Exit::Done)
}

fn row(run: &Value) -> Vec<String> {
    let started = field(run, "started_at");
    let minute = started.get(..16).unwrap_or(&started).replace('T', " ");
    let mut cells = vec![format!("{minute}Z")];
    cells.extend(["drill", "environment", "outcome", "reason"].map(|name| field(run, name)));
    cells
}
