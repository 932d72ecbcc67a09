//! `bastion cap`: an environment's spend cap, through a running server.
//!
//! It must never change the configuration: a cap that is set stands in its place until removed.

use bastion_types::EnvironmentName;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::operator::{Failure, Operator, OperatorArguments, note_refused_models};
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion cap show --env prod
  bastion cap set --env prod 500.00
  bastion cap set --env prod --period day 40.00
  bastion cap set --env prod --remove             back to the configuration's";

/// An environment's spend cap: what is spent, held and free
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CapArguments {
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// What is spent, held and free of the cap
    #[command(after_help = EXAMPLES)]
    Show(ShowArguments),
    /// Set a cap in place of the configuration's, from the next call on
    #[command(after_help = EXAMPLES)]
    Set(SetArguments),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Period {
    Month,
    Day,
}

#[derive(Debug, Args)]
struct ShowArguments {
    #[command(flatten)]
    of: Of,
}

#[derive(Debug, Args)]
struct SetArguments {
    #[command(flatten)]
    of: Of,
    /// How much may be spent in the period, such as 500.00
    #[arg(required_unless_present = "remove", conflicts_with = "remove")]
    amount: Option<String>,
    /// Go back to the configuration's cap
    #[arg(long)]
    remove: bool,
}

/// Which cap.
#[derive(Debug, Args)]
struct Of {
    /// The environment
    #[arg(long = "env", value_name = "ENVIRONMENT", value_parser = EnvironmentName::parse)]
    environment: EnvironmentName,
    /// The cap of the month or of the day
    #[arg(long, value_enum, default_value = "month")]
    period: Period,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

impl Of {
    fn period(&self) -> &'static str {
        match self.period {
            Period::Month => "month",
            Period::Day => "day",
        }
    }

    fn path(&self) -> String {
        format!("/admin/v1/environments/{}/cap", self.environment)
    }
}

/// Runs the command.
///
/// # Errors
/// Never: what fails is said here and is part of the exit code.
#[expect(clippy::unnecessary_wraps, reason = "every command is run in this form")]
pub(crate) fn run(arguments: &CapArguments) -> anyhow::Result<Exit> {
    let done = Operator::open(&arguments.operator).and_then(|operator| match &arguments.act {
        Act::Show(act) => {
            let path = format!("{}?period={}", act.of.path(), act.of.period());
            told(&operator.get(&path)?, &act.of)
        }
        Act::Set(act) => {
            let cap = act.amount.as_deref().filter(|_| !act.remove);
            let body = json!({ "cap": cap, "period": act.of.period() });
            let cap = operator.put(&act.of.path(), &body)?;
            if !act.of.json {
                note_refused_models(&cap, "the cap");
            }
            told(&cap, &act.of)
        }
    });
    Ok(done.unwrap_or_else(Failure::told))
}

#[expect(clippy::unnecessary_wraps, reason = "both acts end with it")]
fn told(cap: &Value, of: &Of) -> Result<Exit, Failure> {
    out::line(&if of.json { cap.to_string() } else { table(cap) });
    Ok(Exit::Done)
}

const COLUMNS: [&str; 8] =
    ["environment", "period", "cap", "spent", "held", "free", "currency", "resets_at"];

fn table(cap: &Value) -> String {
    let text = |name: &&str| {
        let value = cap.get(*name).and_then(Value::as_str);
        out::printable(value.unwrap_or("no cap"))
    };
    let mut table = out::table(&COLUMNS, vec![COLUMNS.iter().map(text).collect()]);
    if cap.get("source").and_then(Value::as_str) == Some("operator") {
        table.push_str("\nset by an operator in place of the configuration's; --remove goes back");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_is_a_row_and_says_when_it_was_set_by_hand() {
        let cap = json!({
            "environment": "prod", "period": "month", "cap": "500.00", "source": "operator",
            "spent": "1.25", "held": "0.50", "free": "498.25",
            "resets_at": "2026-12-01T05:00:00.000Z", "currency": "CAD",
        });
        let text = table(&cap);
        assert!(text.contains("prod         month   500.00  1.25   0.50  498.25  CAD"), "{text}");
        assert!(text.contains("--remove"), "{text}");
        let open =
            json!({ "environment": "dev", "period": "day", "spent": "0.00", "held": "0.00" });
        assert!(table(&open).contains("no cap"), "{}", table(&open));
    }
}
