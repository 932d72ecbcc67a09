//! `bastion drill run`: one drill after the other, each watched to its end.
//!
//! It must never take a run that was cut for one that passed.

use bastion_types::EnvironmentName;
use clap::Args;
use serde_json::{Value, json};

use crate::drilling::{PATH, Watched, field, watched};
use crate::exit::Exit;
use crate::operator::{Failure, Operator, OperatorArguments};
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion drill run retry --env prod
  bastion drill run retry cancel --env prod --json
  bastion drill run --all --env prod

Exit codes: 0 every drill passed, 1 one failed or was cut, 2 usage, 3 the server could not be reached.";

/// Run drills, one after the other
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunArguments {
    /// Which drills; 'bastion drill list' has them
    #[arg(value_name = "DRILL", required_unless_present = "all")]
    drills: Vec<String>,
    /// Every drill
    #[arg(long, conflicts_with = "drills")]
    all: bool,
    /// Under the rules of which environment
    #[arg(long = "env", value_name = "ENVIRONMENT", default_value = "prod")]
    #[arg(value_parser = EnvironmentName::parse)]
    environment: EnvironmentName,
    /// One line of JSON at the end: {"data":[…],"next":null}
    #[arg(long)]
    json: bool,
}

pub(super) fn run(operator: &OperatorArguments, arguments: &RunArguments) -> Result<Exit, Failure> {
    let operator = Operator::open(operator)?;
    let drills = if arguments.all { known(&operator)? } else { arguments.drills.clone() };
    let mut runs = Vec::with_capacity(drills.len());
    let mut exit = Exit::Done;
    for drill in drills {
        let Watched { run, was_cut } = watched(&operator, &drill, &arguments.environment)?;
        if field(&run, "outcome") != "pass" {
            exit = Exit::No;
        }
        if !arguments.json {
            out::line(&told(&run));
        }
        runs.push(run);
        if was_cut {
            break;
        }
    }
    if arguments.json {
        out::line(&json!({ "data": runs, "next": null }).to_string());
    }
    Ok(exit)
}

fn known(operator: &Operator) -> Result<Vec<String>, Failure> {
    let answer = operator.get(PATH)?;
    let drills = answer.get("data").and_then(Value::as_array).into_iter().flatten();
    Ok(drills.map(|drill| field(drill, "name")).collect())
}

/// A line, and what was measured below it.
fn told(run: &Value) -> String {
    let mut lines = vec![format!(
        "{}: {}: {}",
        field(run, "drill"),
        field(run, "outcome"),
        field(run, "reason")
    )];
    let figures = run.get("figures").and_then(Value::as_object).into_iter().flatten();
    lines.extend(figures.map(|(name, value)| format!("    {}: {value}", name.replace('_', " "))));
    lines.join("\n")
}
