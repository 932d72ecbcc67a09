//! `bastion balance`: what is left of what was paid in, through a running server.
//!
//! It must never pay in twice: the reference makes it once-only.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::operator::{Failure, Once, Operator, OperatorArguments, note_refused_models};
use crate::out;

const PATH: &str = "/admin/v1/balance";

const EXAMPLES: &str = "\
Examples:
  bastion balance show
  bastion balance top-up 200.00 --reference invoice-2026-0042";

const SHOW_EXAMPLES: &str = "\
Examples:
  bastion balance show
  bastion balance show --json";

const TOP_UP_EXAMPLES: &str = "\
Examples:
  bastion balance top-up 200.00 --reference invoice-2026-0042
  bastion balance top-up 50 --reference pi_3Nk --note \"card of the platform team\"";

/// The prepaid balance: what is left, and what is paid in
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BalanceArguments {
    #[command(flatten)]
    operator: OperatorArguments,
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// What is left, reserved and free
    Show(ShowArguments),
    /// Pay in, once for each reference
    TopUp(TopUpArguments),
}

/// What is left, reserved and free
#[derive(Debug, Args)]
#[command(after_help = SHOW_EXAMPLES)]
struct ShowArguments {
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

/// Pay in, once for each reference
#[derive(Debug, Args)]
#[command(after_help = TOP_UP_EXAMPLES)]
struct TopUpArguments {
    /// How much, such as 200.00
    amount: String,
    /// What makes it once-only: an invoice's or a payment's number
    #[arg(long)]
    reference: String,
    /// What people should know of it
    #[arg(long)]
    note: Option<String>,
    /// One line of JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Never: what fails is said here and is part of the exit code.
#[expect(clippy::unnecessary_wraps, reason = "every command is run in this form")]
pub(crate) fn run(arguments: &BalanceArguments) -> anyhow::Result<Exit> {
    let done = Operator::open(&arguments.operator).and_then(|operator| match &arguments.act {
        Act::Show(act) => show(&operator, act),
        Act::TopUp(act) => top_up(&operator, act),
    });
    Ok(done.unwrap_or_else(Failure::told))
}

fn show(operator: &Operator, arguments: &ShowArguments) -> Result<Exit, Failure> {
    let answer = operator.get(PATH)?;
    out::line(&if arguments.json { answer.to_string() } else { told(&answer) });
    Ok(Exit::Done)
}

fn top_up(operator: &Operator, arguments: &TopUpArguments) -> Result<Exit, Failure> {
    let TopUpArguments { amount, reference, note, json } = arguments;
    let body = json!({ "amount": amount, "reference": reference, "note": note });
    let (done, once) = operator.post_once(&format!("{PATH}/top-ups"), &body)?;
    if *json {
        out::line(&done.to_string());
    } else {
        if once == Once::Before {
            out::note(&format!(
                "'{}' was paid in before; nothing is added",
                out::printable(reference)
            ));
        }
        out::line(&told(&operator.get(PATH)?));
        note_refused_models(&done, "the prepaid balance");
    }
    Ok(Exit::Done)
}

fn told(balance: &Value) -> String {
    let text =
        |name: &str| out::printable(balance.get(name).and_then(Value::as_str).unwrap_or("?"));
    let row = ["balance", "held", "free", "currency"].map(text).to_vec();
    out::table(&["balance", "held", "free", "currency"], vec![row])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balance_is_a_row() {
        let balance =
            json!({ "balance": "48.50", "held": "0.20", "free": "48.30", "currency": "CAD" });
        assert_eq!(told(&balance), "balance  held  free   currency\n48.50    0.20  48.30  CAD");
    }
}
