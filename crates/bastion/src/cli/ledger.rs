//! `bastion ledger`: every sum worked out anew, and corrections, through a running server.
//!
//! It must never call a ledger good that was not worked out whole.

use bastion_types::EnvironmentName;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::operator::{Failure, Once, Operator, OperatorArguments};
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion ledger verify
  bastion ledger adjust --call req_01... --amount=-0.25 --reason \"never answered\" --reference t-17
  bastion ledger adjust --env prod --amount 1.50 --reason \"bill of November\" --reference b-11";

/// Work every sum of the ledger out anew, or put one right
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct LedgerArguments {
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Work every balance and every 'held' out from nothing; exit 1 on a difference
    #[command(after_help = EXAMPLES)]
    Verify(VerifyArguments),
    /// Put a sum right, with a reason, once for each reference
    #[command(after_help = EXAMPLES)]
    Adjust(AdjustArguments),
}

#[derive(Debug, Args)]
struct VerifyArguments {
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("concerns").required(true).args(["call", "environment"]))]
struct AdjustArguments {
    /// Above zero: more was spent; below: it is given back, such as --amount=-0.25
    #[arg(long, allow_hyphen_values = true)]
    amount: String,
    /// The call whose charge is put right
    #[arg(long)]
    call: Option<String>,
    /// The environment whose spend is put right, today
    #[arg(long = "env", value_name = "ENVIRONMENT", value_parser = EnvironmentName::parse)]
    environment: Option<EnvironmentName>,
    /// Why
    #[arg(long)]
    reason: String,
    /// What makes it once-only
    #[arg(long)]
    reference: String,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Never: what fails is said here and is part of the exit code.
#[expect(clippy::unnecessary_wraps, reason = "every command is run in this form")]
pub(crate) fn run(arguments: &LedgerArguments) -> anyhow::Result<Exit> {
    let done = Operator::open(&arguments.operator).and_then(|operator| match &arguments.act {
        Act::Verify(act) => verify(&operator.patient(), act),
        Act::Adjust(act) => adjust(&operator, act),
    });
    Ok(done.unwrap_or_else(Failure::told))
}

fn verify(operator: &Operator, arguments: &VerifyArguments) -> Result<Exit, Failure> {
    let verdict = operator.get("/admin/v1/ledger/verify")?;
    out::line(&if arguments.json { verdict.to_string() } else { told(&verdict) });
    let ok = verdict.get("ok").and_then(Value::as_bool) == Some(true);
    Ok(if ok { Exit::Done } else { Exit::No })
}

const COLUMNS: [&str; 4] = ["account", "sum", "kept", "counted"];

fn told(verdict: &Value) -> String {
    let count = |name: &str| verdict.get(name).and_then(Value::as_i64).unwrap_or_default();
    let (entries, holds) = (count("entries"), count("holds_open"));
    let list = verdict.get("differences").and_then(Value::as_array);
    let differences = list.map(Vec::as_slice).unwrap_or_default();
    if verdict.get("ok").and_then(Value::as_bool) == Some(true) {
        return format!("every sum is right: {entries} entries, {holds} open holds");
    }
    let cell = |row: &Value, name: &str| {
        out::printable(row.get(name).and_then(Value::as_str).unwrap_or("?"))
    };
    let rows = differences.iter().map(|row| COLUMNS.map(|name| cell(row, name)).to_vec());
    format!(
        "{}\n{} sums differ from {entries} entries and {holds} open holds",
        out::table(&COLUMNS, rows.collect()),
        differences.len()
    )
}

fn adjust(operator: &Operator, arguments: &AdjustArguments) -> Result<Exit, Failure> {
    let AdjustArguments { amount, call, environment, reason, reference, json } = arguments;
    let body = json!({
        "amount": amount, "call": call, "environment": environment, "reason": reason,
        "reference": reference,
    });
    let (done, once) = operator.post_once("/admin/v1/ledger/adjustments", &body)?;
    if *json {
        out::line(&done.to_string());
        return Ok(Exit::Done);
    }
    let (amount, reason) = (out::printable(amount), out::printable(reason));
    out::line(&match once {
        Once::Now => format!("put right by {amount}: {reason}"),
        Once::Before => format!(
            "'{}' was put right before, by {amount}; nothing is changed",
            out::printable(reference)
        ),
    });
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_a_line_or_a_table_of_differences() {
        let good = json!({ "ok": true, "entries": 7, "holds_open": 0, "differences": [] });
        assert_eq!(told(&good), "every sum is right: 7 entries, 0 open holds");
        let bad = json!({ "ok": false, "entries": 7, "holds_open": 1, "differences": [
            { "account": "env/prod/2026-11", "sum": "spent", "kept": "1.00", "counted": "2.00" },
        ] });
        let text = told(&bad);
        assert!(text.contains("env/prod/2026-11  spent  1.00  2.00"), "{text}");
        assert!(text.ends_with("1 sums differ from 7 entries and 1 open holds"), "{text}");
    }
}
