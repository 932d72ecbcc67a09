//! `bastion keys revoke`: ends a key for good.
//!
//! It must never end one that still has traffic unless somebody says so. Box
//! `credentials.rotation`.

use bastion_types::Timestamp;
use clap::Args;
use serde_json::json;

use super::address::{KeyArgument, path_of};
use super::record::{Record, now};
use crate::exit::Exit;
use crate::operator::{Failure, Operator, OperatorArguments};
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion keys revoke 4kXq81mZp0Ba            asks if it was used within 10 minutes
  bastion keys revoke 4kXq81mZp0Ba --force    a leaked key: at once";

/// End a key for good; one in use only when you say so
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RevokeArguments {
    #[command(flatten)]
    key: KeyArgument,
    /// Even if it still has traffic, without asking
    #[arg(long)]
    force: bool,
    /// One line of JSON: the key as it is now
    #[arg(long)]
    json: bool,
}

/// What stands in the way.
#[derive(Debug, PartialEq, Eq)]
enum Doubt {
    /// Nothing.
    None,
    /// The key is in use; holds how to say so.
    Traffic(String),
}

pub(super) fn run(
    operator: &OperatorArguments,
    arguments: &RevokeArguments,
) -> Result<Exit, Failure> {
    let id = arguments.key.parse()?;
    let operator = Operator::open(operator)?;
    let path = path_of(id);
    if !arguments.force {
        let record = Record::read(&operator.get(&path)?)?;
        if let Doubt::Traffic(text) = doubt(&record, now()) {
            settle(&text, &record.id)?;
        }
    }
    let answer = operator.post(&format!("{path}/revoke"), &json!({}))?;
    if arguments.json {
        out::line(&answer.to_string());
    } else {
        out::line(&format!("revoked: {}", Record::read(&answer)?.named()));
    }
    Ok(Exit::Done)
}

fn doubt(record: &Record, now: Timestamp) -> Doubt {
    if !record.has_traffic(now) {
        return Doubt::None;
    }
    let last_used = record.last_used(now);
    Doubt::Traffic(format!(
        "the key {} still has traffic: last used {last_used}; its calls would get 401",
        record.named()
    ))
}

fn settle(doubt: &str, id: &str) -> Result<(), Failure> {
    if !out::can_ask() {
        let message = format!(
            "{doubt}; give its service a new secret first ('bastion keys rotate {id}'), or say \
             --force"
        );
        return Err(Failure::new(Exit::No, message));
    }
    if out::ask(&format!("{doubt}. Revoke it?")) {
        return Ok(());
    }
    Err(Failure::new(Exit::No, "not revoked"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubt_of(status: &str, last_used_at: Option<&str>) -> Doubt {
        let record = json!({
            "id": "4kXq81mZp0Ba", "environment": "dev", "service": "web", "status": status,
            "created_at": "2026-11-23T12:00:00Z", "last_used_at": last_used_at,
        });
        let now = Timestamp::parse("2026-11-24T12:00:00Z").unwrap();
        doubt(&Record::read(&record).unwrap(), now)
    }

    #[test]
    fn only_a_live_key_in_use_is_in_doubt() {
        assert_eq!(doubt_of("live", None), Doubt::None);
        assert_eq!(doubt_of("live", Some("2026-11-24T11:00:00Z")), Doubt::None);
        assert_eq!(doubt_of("revoked", Some("2026-11-24T11:59:00Z")), Doubt::None);
        let Doubt::Traffic(text) = doubt_of("live", Some("2026-11-24T11:55:00Z")) else {
            panic!("it is in use");
        };
        assert!(text.contains("still has traffic: last used 5 min ago"), "{text}");
    }
}
