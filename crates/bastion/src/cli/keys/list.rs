//! `bastion keys list`: every key that fits, all pages.
//!
//! It must never follow pages without an end.

use bastion_types::{EnvironmentName, ServiceName, Timestamp};
use clap::Args;
use serde_json::{Value, json};

use super::address::PATH;
use super::record::{COLUMNS, Record, now};
use crate::exit::Exit;
use crate::operator::{Failure, Operator, OperatorArguments, query_value};
use crate::out;

/// Keys on a page.
const PAGE_KEYS: usize = 200;

/// Pages that are followed: more than a deployment's keys fill.
const MAX_PAGES: usize = 1000;

const EXAMPLES: &str = "\
Examples:
  bastion keys list
  bastion keys list --env prod --service api-worker
  bastion keys list --all --json";

/// The keys, without their secrets
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ListArguments {
    /// Only those of this environment
    #[arg(long = "env", value_name = "ENVIRONMENT", value_parser = EnvironmentName::parse)]
    environment: Option<EnvironmentName>,
    /// Only those of this service
    #[arg(long, value_parser = ServiceName::parse)]
    service: Option<ServiceName>,
    /// Revoked ones, too
    #[arg(long)]
    all: bool,
    /// One line of JSON: {"data":[…],"next":null}
    #[arg(long)]
    json: bool,
}

pub(super) fn run(
    operator: &OperatorArguments,
    arguments: &ListArguments,
) -> Result<Exit, Failure> {
    let operator = Operator::open(operator)?;
    let keys = every_page(|after| operator.get(&path(arguments, after)))?;
    if arguments.json {
        out::line(&json!({ "data": keys, "next": null }).to_string());
    } else if keys.is_empty() {
        out::note("no keys; make one with 'bastion keys create --env dev --service web'");
    } else {
        out::line(&table(&keys, now())?);
    }
    Ok(Exit::Done)
}

fn path(arguments: &ListArguments, after: Option<&str>) -> String {
    let mut path = format!("{PATH}?limit={PAGE_KEYS}");
    let environment = arguments.environment.as_ref().map(EnvironmentName::as_str);
    let service = arguments.service.as_ref().map(ServiceName::as_str);
    let revoked = arguments.all.then_some("true");
    for (name, value) in
        [("environment", environment), ("service", service), ("revoked", revoked), ("after", after)]
    {
        if let Some(value) = value {
            path.push('&');
            path.push_str(name);
            path.push('=');
            path.push_str(&query_value(value));
        }
    }
    path
}

/// What `page` gives from the first cursor to the last.
fn every_page(
    page: impl Fn(Option<&str>) -> Result<Value, Failure>,
) -> Result<Vec<Value>, Failure> {
    let mut keys = Vec::new();
    let mut after: Option<String> = None;
    for _ in 0..MAX_PAGES {
        let mut answer = page(after.as_deref())?;
        let Some(Value::Array(data)) = answer.get_mut("data").map(Value::take) else {
            let message = "the server's answer is no list; are server and command of the same \
                           version?";
            return Err(Failure::new(Exit::No, message));
        };
        keys.extend(data);
        let next = answer.get("next").and_then(Value::as_str).map(str::to_owned);
        if next.is_none() {
            return Ok(keys);
        }
        after = next;
    }
    let message = format!("the list goes on after {MAX_PAGES} pages; narrow it with --env");
    Err(Failure::new(Exit::No, message))
}

fn table(keys: &[Value], now: Timestamp) -> Result<String, Failure> {
    let rows = keys.iter().map(|key| Ok(Record::read(key)?.row(now)));
    Ok(out::table(COLUMNS, rows.collect::<Result<_, Failure>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_asks_for_what_was_said() {
        let arguments = ListArguments {
            environment: EnvironmentName::parse("prod").ok(),
            service: ServiceName::parse("api.worker").ok(),
            all: true,
            json: false,
        };
        assert_eq!(
            path(&arguments, Some("a&b")),
            "/admin/v1/keys?limit=200&environment=prod&service=api.worker&revoked=true&after=a%26b"
        );
    }

    #[test]
    fn pages_are_followed_to_the_last() {
        let keys = every_page(|after| {
            Ok(match after {
                None => json!({ "data": [1, 2], "next": "b" }),
                Some(_) => json!({ "data": [3], "next": null }),
            })
        });
        assert_eq!(keys.unwrap(), [1, 2, 3]);
        assert!(every_page(|_| Ok(json!({ "data": [], "next": "same" }))).is_err());
        assert!(every_page(|_| Ok(json!({ "keys": [] }))).is_err());
    }

    #[test]
    fn a_list_is_a_table() {
        let key = json!({
            "id": "4kXq81mZp0Ba", "environment": "dev", "service": "web", "status": "live",
            "created_at": "2026-11-23T12:00:00Z",
        });
        let now = Timestamp::parse("2026-11-24T12:00:00Z").unwrap();
        assert_eq!(
            table(&[key], now).unwrap(),
            "\
id            environment  service  status  created            last used  expires
4kXq81mZp0Ba  dev          web      live    2026-11-23 12:00Z  never      never"
        );
    }
}
