//! `bastion spend`: what was spent in a month, through a running server.
//!
//! It must never add up anything itself: the sums are the ledger's.

mod asked;
mod reconcile;

use bastion_types::CalendarMonth;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use crate::exit::Exit;
use crate::operator::{Failure, Operator, OperatorArguments};
use crate::out;
use asked::{By, path};

const EXAMPLES: &str = "\
Examples:
  bastion spend
  bastion spend --by model --month 2026-11
  bastion spend --by key --format csv > november.csv
  bastion spend reconcile bill.csv --month 2026-11";

/// What was spent in a month, by environment, service, key, model and more
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct SpendArguments {
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(subcommand)]
    act: Option<Act>,
    /// What it is told apart by
    #[arg(long, value_enum, default_value = "env")]
    by: By,
    /// The month, in the environments' time zones [default: this one]
    #[arg(long, value_name = "YYYY-MM", value_parser = CalendarMonth::parse)]
    month: Option<CalendarMonth>,
    /// For people, as one line of JSON, or as CSV
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// As --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Hold a month of the ledger against the provider's bill; exit 1 on a difference
    Reconcile(reconcile::ReconcileArguments),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Csv,
}

const COLUMNS: [&str; 7] = [
    "name",
    "amount",
    "calls",
    "input_tokens",
    "output_tokens",
    "estimated_calls",
    "stated_amount",
];

/// Runs the command.
///
/// # Errors
/// Never: what fails is said here and is part of the exit code.
#[expect(clippy::unnecessary_wraps, reason = "every command is run in this form")]
pub(crate) fn run(arguments: &SpendArguments) -> anyhow::Result<Exit> {
    let done = Operator::open(&arguments.operator).and_then(|operator| {
        if let Some(Act::Reconcile(act)) = &arguments.act {
            return reconcile::run(operator, act);
        }
        let spend = operator.patient().get(&path(arguments.by, arguments.month))?;
        out::line(&match if arguments.json { Format::Json } else { arguments.format } {
            Format::Json => spend.to_string(),
            Format::Csv => csv(&spend),
            Format::Text => text(&spend),
        });
        if let Some(further) =
            spend.get("further").and_then(Value::as_u64).filter(|count| *count > 0)
        {
            out::note(&format!("{further} more names are not shown; the total counts them"));
        }
        Ok(Exit::Done)
    });
    Ok(done.unwrap_or_else(Failure::told))
}

fn rows(spend: &Value) -> Vec<Vec<String>> {
    let cell = |row: &Value, name: &str| match row.get(name) {
        Some(Value::String(text)) => out::printable(text),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let data = spend.get("data").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    data.iter().map(|row| COLUMNS.map(|name| cell(row, name)).to_vec()).collect()
}

fn text(spend: &Value) -> String {
    let part = |name: &str| out::printable(spend.get(name).and_then(Value::as_str).unwrap_or("?"));
    let named = |mut row: Vec<String>| {
        if let Some(name) = row.first_mut().filter(|name| name.is_empty()) {
            "(none)".clone_into(name);
        }
        row
    };
    let rows: Vec<_> = rows(spend).into_iter().map(named).collect();
    let table =
        if rows.is_empty() { "nothing was spent".to_owned() } else { out::table(&COLUMNS, rows) };
    format!("{table}\ntotal of {}: {} {}", part("month"), part("total"), part("currency"))
}

/// As RFC 4180 writes it; a text that a table's program would take for a formula is quoted and
/// begins with a blank.
fn csv(spend: &Value) -> String {
    let cell = |text: &String| {
        let formula = text.starts_with(['=', '+', '-', '@']) && text.parse::<i64>().is_err();
        let negative = text
            .strip_prefix('-')
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'));
        let text = if formula && !negative { format!(" {text}") } else { text.clone() };
        if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text
        }
    };
    let line = |row: &Vec<String>| row.iter().map(cell).collect::<Vec<_>>().join(",");
    let lines = rows(spend);
    std::iter::once(COLUMNS.join(",")).chain(lines.iter().map(line)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn november() -> Value {
        json!({
            "month": "2026-11", "by": "user", "currency": "CAD", "total": "1.75",
            "data": [
                { "name": "=a,\"b\"", "amount": "2.00", "calls": 3, "input_tokens": 7,
                  "output_tokens": 9, "estimated_calls": 1, "stated_amount": "1.90" },
                { "name": null, "amount": "-0.25", "calls": 0, "input_tokens": 0,
                  "output_tokens": 0, "estimated_calls": 0 },
            ],
        })
    }

    #[test]
    fn a_month_is_a_table_with_its_total() {
        let text = text(&november());
        assert!(text.ends_with("total of 2026-11: 1.75 CAD"), "{text}");
        assert!(text.contains("(none)") && text.contains("-0.25"), "{text}");
        let nothing = json!({ "month": "2026-11", "total": "0.00", "currency": "CAD", "data": [] });
        assert!(super::text(&nothing).starts_with("nothing was spent"));
    }

    #[test]
    fn csv_quotes_what_would_be_a_formula() {
        let expect = "name,amount,calls,input_tokens,output_tokens,estimated_calls,stated_amount\n\
                      \" =a,\"\"b\"\"\",2.00,3,7,9,1,1.90\n,-0.25,0,0,0,0,";
        assert_eq!(csv(&november()), expect);
    }
}
