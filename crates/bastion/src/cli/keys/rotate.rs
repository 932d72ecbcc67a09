//! `bastion keys rotate`: a second secret under the same id. Box `credentials.rotation`.
//!
//! It must never end the old secret sooner than was said.

use bastion_types::{Span, Timestamp};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::address::{KeyArgument, path_of};
use super::once::print_once;
use super::record::{moment, nonsense};
use crate::exit::Exit;
use crate::operator::{Failure, Operator, OperatorArguments};
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion keys rotate 4kXq81mZp0Ba                  old and new side by side for 24 h
  bastion keys rotate 4kXq81mZp0Ba --overlap 7d
  bastion keys rotate 4kXq81mZp0Ba --now            the old one leaked: it ends at once";

/// Give a key a second secret; the id stays, the old secret ends after the overlap
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RotateArguments {
    #[command(flatten)]
    key: KeyArgument,
    /// How long the old secret goes on
    #[arg(long, value_name = "SPAN", value_parser = Span::parse, default_value = "24h")]
    overlap: Span,
    /// End the old secret at once: calls with it get 401
    #[arg(long, conflicts_with = "overlap")]
    now: bool,
    /// One line of JSON, with the new key
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct Rotated {
    id: String,
    api_key: String,
    #[serde(default)]
    old_secrets_end_at: Option<Timestamp>,
}

pub(super) fn run(
    operator: &OperatorArguments,
    arguments: &RotateArguments,
) -> Result<Exit, Failure> {
    let id = arguments.key.parse()?;
    let operator = Operator::open(operator)?;
    if !arguments.json {
        out::note(&format!("making a new secret for the key {id} …"));
    }
    let answer = operator.post(&format!("{}/rotate", path_of(id)), &body(arguments))?;
    if arguments.json {
        out::line(&answer.to_string());
        return Ok(Exit::Done);
    }
    let rotated = Rotated::deserialize(&answer).map_err(|error| nonsense(&error))?;
    let before = format!("done: the key {} with its new secret", rotated.id);
    print_once(&rotated.api_key, &before, &afterwards(&rotated, arguments));
    Ok(Exit::Done)
}

fn body(arguments: &RotateArguments) -> Value {
    if arguments.now {
        json!({ "now": true })
    } else {
        json!({ "overlap": arguments.overlap.to_string() })
    }
}

/// What is said after the key.
fn afterwards(rotated: &Rotated, arguments: &RotateArguments) -> String {
    let old = match rotated.old_secrets_end_at {
        _ if arguments.now => {
            "the old secret has ended: calls with it get 401 from now on".to_owned()
        }
        Some(at) => format!("the old secret works until {}, then it gets 401", moment(at)),
        None => format!("the old secret works for {}, then it gets 401", arguments.overlap),
    };
    let hurry = if arguments.now { "now" } else { "before then" };
    format!(
        "\
this is shown once and kept nowhere: put it into your secret store
{old}
next: start the service with the new one {hurry}; 'bastion keys show {}' tells of both",
        rotated.id
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        rotate: RotateArguments,
    }

    fn check(line: &str, sends: &str, says: &str) {
        let line = Line::parse_from(std::iter::once("rotate").chain(line.split(' '))).rotate;
        assert_eq!(body(&line).to_string(), sends);
        let rotated = Rotated {
            id: "4kXq81mZp0Ba".into(),
            api_key: "bst_dev_x".into(),
            old_secrets_end_at: Timestamp::parse("2026-11-25T12:00:00Z").ok(),
        };
        let text = afterwards(&rotated, &line);
        assert!(text.contains(says) && !text.contains("bst_"), "{text}");
    }

    #[test]
    fn the_old_secret_ends_when_it_was_said() {
        check("4kXq81mZp0Ba", r#"{"overlap":"1d"}"#, "works until 2026-11-25 12:00Z");
        check("4kXq81mZp0Ba --overlap 90m", r#"{"overlap":"90m"}"#, "before then");
        check("4kXq81mZp0Ba --now", r#"{"now":true}"#, "has ended");
    }
}
