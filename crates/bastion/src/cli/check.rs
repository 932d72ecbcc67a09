//! `bastion check`: the launch gate. Exit 0 only when every box is proved or waived.
//!
//! It must never be ready without a whole answer of the server's.

mod fix;
mod formats;

use bastion_check::{Report, Verdict, cards};
use bastion_types::{BoxId, EnvironmentName};
use clap::Args;
use serde_json::Value;

use crate::exit::Exit;
use crate::operator::{Failure, Operator, OperatorArguments, query_value};
use crate::out;
use formats::Format;

const EXAMPLES: &str = "\
Examples:
  bastion check --env prod
  bastion check --env prod --box reliability.retry --box streaming.cancel
  bastion check --env prod --fix
  bastion check --env prod --format html > gate.html
  bastion check --env prod --format junit > gate.xml

Exit codes: 0 every box is proved or waived, 1 one is open, 2 usage or an unknown environment, 3 the
server could not be reached.";

/// The launch gate: every box of the production checklist
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    operator: OperatorArguments,
    /// Which environment is about to be launched [default: prod, or the only one]
    #[arg(long = "env", value_name = "ENVIRONMENT", value_parser = EnvironmentName::parse)]
    environment: Option<EnvironmentName>,
    /// Only this box; may be given again
    #[arg(long = "box", value_name = "ID", value_parser = box_id)]
    boxes: Vec<BoxId>,
    /// Run the drills behind open boxes first: those that touch nothing that is live
    #[arg(long)]
    fix: bool,
    /// How the report is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Runs the command.
///
/// # Errors
/// Never: what fails is said here and is part of the exit code.
#[expect(clippy::unnecessary_wraps, reason = "every command is run in this form")]
pub(crate) fn run(arguments: &CheckArguments) -> anyhow::Result<Exit> {
    Ok(check(arguments).unwrap_or_else(Failure::told))
}

fn check(arguments: &CheckArguments) -> Result<Exit, Failure> {
    let operator = Operator::open(&arguments.operator)?;
    let (environment, boxes) = (arguments.environment.as_ref(), &arguments.boxes);
    let mut told = report(&operator, environment, boxes)?;
    if arguments.fix && fix::drilled(&operator, &told)? {
        told = report(&operator, environment, boxes)?;
    }
    out::line(&arguments.format.write(&told)?);
    warn_of_ends(&told);
    Ok(if told.ready { Exit::Done } else { Exit::No })
}

/// The server's report, whole.
fn report(
    operator: &Operator,
    environment: Option<&EnvironmentName>,
    boxes: &[BoxId],
) -> Result<Report, Failure> {
    let mut parameters = Vec::new();
    if let Some(environment) = environment {
        parameters.push(format!("env={}", query_value(environment.as_str())));
    }
    if !boxes.is_empty() {
        let ids: Vec<&str> = boxes.iter().map(|id| id.as_str()).collect();
        parameters.push(format!("box={}", query_value(&ids.join(","))));
    }
    let separator = if parameters.is_empty() { "" } else { "?" };
    let path = format!("/admin/v1/checklist{separator}{}", parameters.join("&"));
    whole(operator.get(&path)?, boxes)
}

/// Reads a report; what the server says of being ready is worked out again.
fn whole(answer: Value, boxes: &[BoxId]) -> Result<Report, Failure> {
    let stranger = || {
        let message = "the server's answer is not the whole checklist; are server and command of \
                       the same version?";
        Failure::new(Exit::No, message)
    };
    let mut report: Report = serde_json::from_value(answer).map_err(|_| stranger())?;
    let wanted = cards()
        .map(|card| card.id)
        .filter(|id| boxes.is_empty() || boxes.iter().any(|wanted| wanted.as_str() == *id));
    if !wanted.eq(report.boxes.iter().map(|told| told.id.as_str())) {
        return Err(stranger());
    }
    report.ready = report.boxes.iter().all(|told| told.verdict != Verdict::Fail);
    Ok(report)
}

/// Waivers whose end is near or past are said beside every format.
fn warn_of_ends(report: &Report) {
    for told in &report.boxes {
        let Some(waiver) = &told.waiver else { continue };
        let near = told.reason.contains("; it ends");
        if waiver.expired || (told.verdict == Verdict::Waived && near) {
            out::note(&format!("warning: {}: {}", told.id, told.reason));
        }
    }
}

fn box_id(text: &str) -> Result<BoxId, String> {
    BoxId::parse(text).ok_or_else(|| {
        let distance = |id: &BoxId| strsim::osa_distance(text, id.as_str());
        let near = BoxId::all().min_by_key(distance).map_or("", BoxId::as_str);
        format!("no such box; did you mean '{near}'?")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(verdict: &str) -> Value {
        let told = |id: &str| {
            json!({
                "id": id, "verdict": verdict, "reason": "r", "mend": "m", "proved_by": "p",
                "evidence": [], "waiver": null,
            })
        };
        let boxes: Vec<Value> = cards().map(|card| told(card.id)).collect();
        json!({ "ready": true, "environment": "prod", "at": "2026-11-25T12:00:00Z", "boxes": boxes })
    }

    #[test]
    fn an_answer_is_ready_only_when_it_is_whole_and_says_so_of_every_box() {
        assert!(whole(answer("pass"), &[]).unwrap().ready);
        assert!(whole(answer("waived"), &[]).unwrap().ready);
        assert!(!whole(answer("fail"), &[]).unwrap().ready, "whatever 'ready' says");
        let mut short = answer("pass");
        short["boxes"].as_array_mut().unwrap().pop();
        assert_eq!(whole(short, &[]).unwrap_err().exit, Exit::No);
        assert_eq!(whole(json!({ "ready": true }), &[]).unwrap_err().exit, Exit::No);
        assert!(whole(answer("great"), &[]).is_err());
        let one = BoxId::parse("privacy.pii").unwrap();
        assert!(whole(answer("pass"), &[one]).is_err(), "more than was asked for");
    }

    #[test]
    fn a_slip_in_a_boxs_id_is_understood() {
        assert_eq!(box_id("privacy.pii").unwrap().as_str(), "privacy.pii");
        assert!(box_id("privacy.pi").unwrap_err().contains("did you mean 'privacy.pii'?"));
    }
}
