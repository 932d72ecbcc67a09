//! `bastion keys create`: a new key, printed once.
//!
//! It must never take a promise that this version does not keep.

use bastion_types::{EnvironmentName, Length, Money, ServiceName, Span, SurfaceName, Timestamp};
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::address::PATH;
use super::once::print_once;
use super::record::{moment, nonsense};
use crate::exit::Exit;
use crate::operator::{Failure, Operator, OperatorArguments};
use crate::out;

const EXAMPLES: &str = "\
Examples:
  bastion keys create --env dev --service web
  bastion keys create --env prod --service api-worker --rpm 600 --expires 90d
  bastion keys create --env prod --service support --surface support-chat
  bastion keys create --env prod --service batch --cap 20/day --cap 300/month
  KEY=$(bastion keys create --env dev --service web)";

/// Make a key for a service; it is printed once
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct CreateArguments {
    /// The environment: one of the configuration's
    #[arg(long = "env", value_name = "ENVIRONMENT", value_parser = EnvironmentName::parse)]
    environment: EnvironmentName,
    /// The program that will call with it
    #[arg(long, value_parser = ServiceName::parse)]
    service: ServiceName,
    /// Requests a minute; else no limit
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rpm: Option<u32>,
    /// Tokens a minute; else no limit
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    tpm: Option<u64>,
    /// Calls at the same time; else no limit
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: Option<u32>,
    /// How long it is good, such as 90d; else it does not expire
    #[arg(long, value_name = "SPAN", value_parser = Span::parse)]
    expires: Option<Span>,
    /// A use case that it may call for, one of the configuration's; may be said again; else any
    #[arg(long, value_name = "SURFACE", value_parser = SurfaceName::parse)]
    surface: Vec<SurfaceName>,
    /// observe: what surfaces, budgets and its own caps refuse is counted and shown, not applied
    #[arg(long, value_name = "on|observe", value_parser = ["on", "observe"])]
    enforce: Option<String>,
    /// One line of JSON
    #[arg(long)]
    json: bool,
    /// The most that it may spend, such as 20/day or 300/month; may be said for both; else no cap
    #[arg(long, value_name = "AMOUNT/day|month", value_parser = KeyCap::parse)]
    cap: Vec<KeyCap>,
}

/// What a key may spend in a day or a month.
#[derive(Debug, Clone, Copy)]
struct KeyCap {
    amount: Money,
    length: Length,
}

impl KeyCap {
    fn parse(text: &str) -> Result<KeyCap, String> {
        let wrong = || "such as 20/day or 300.00/month".to_owned();
        let (amount, length) = text.split_once('/').ok_or_else(wrong)?;
        let length = Length::parse(length).ok_or_else(wrong)?;
        let amount = Money::parse(amount).map_err(|error| error.to_string())?;
        Ok(KeyCap { amount, length })
    }

    /// As the operator API names it.
    fn field(&self) -> &'static str {
        match self.length {
            Length::Day => "daily_cap",
            Length::Month => "monthly_cap",
        }
    }
}

/// The answer: exactly what `--json` prints.
#[derive(Deserialize, Serialize)]
struct NewKey {
    id: String,
    environment: String,
    service: String,
    api_key: String,
    created_at: String,
    expires_at: Option<String>,
}

pub(super) fn run(
    operator: &OperatorArguments,
    arguments: &CreateArguments,
) -> Result<Exit, Failure> {
    let body = body(arguments)?;
    let answer = Operator::open(operator)?.post(PATH, &body)?;
    let created = NewKey::deserialize(&answer).map_err(|error| nonsense(&error))?;
    if arguments.json {
        out::line(&serde_json::to_string(&created).map_err(|error| nonsense(&error))?);
    } else {
        let (before, after) = notes(&created);
        print_once(&created.api_key, &before, &after);
    }
    Ok(Exit::Done)
}

fn body(arguments: &CreateArguments) -> Result<Value, Failure> {
    let mut body = Map::new();
    body.insert("environment".into(), arguments.environment.as_str().into());
    body.insert("service".into(), arguments.service.as_str().into());
    let expires = arguments.expires.map(|span| Value::from(span.to_string()));
    body.extend(expires.map(|value| ("expires_in".into(), value)));
    body.extend(arguments.rpm.map(|limit| ("rpm".into(), limit.into())));
    body.extend(arguments.tpm.map(|limit| ("tpm".into(), limit.into())));
    body.extend(arguments.concurrency.map(|limit| ("concurrency".into(), limit.into())));
    if !arguments.surface.is_empty() {
        let names = arguments.surface.iter().map(|name| Value::from(name.as_str()));
        body.insert("surfaces".into(), names.collect());
    }
    body.extend(arguments.enforce.as_deref().map(|word| ("enforce".into(), word.into())));
    for cap in &arguments.cap {
        if body.insert(cap.field().into(), cap.amount.to_string().into()).is_some() {
            let message = format!("--cap is said twice for a {}; say it once", cap.length);
            return Err(Failure::new(Exit::Usage, message));
        }
    }
    Ok(Value::Object(body))
}

/// What is said before and after the key.
fn notes(created: &NewKey) -> (String, String) {
    let until = created.expires_at.as_deref().map_or_else(
        || "it does not expire".to_owned(),
        |at| {
            let shown = Timestamp::parse(at).map_or_else(|_| at.to_owned(), moment);
            format!("it expires {shown}")
        },
    );
    let before = format!(
        "key {} for service {} in environment {}; {until}",
        created.id, created.service, created.environment
    );
    let after = format!(
        "\
this is shown once and kept nowhere: put it into your secret store now
use it as the api_key of any OpenAI SDK, with the gateway's callers' address as base_url:
  base_url = http://127.0.0.1:8080/v1 unless [server] listen says otherwise
next: 'bastion keys show {}' tells when it was last used",
        created.id
    );
    (before, after)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        create: CreateArguments,
    }

    fn body_of(line: &str) -> Result<String, Failure> {
        let line = Line::parse_from(std::iter::once("create").chain(line.split(' ')));
        body(&line.create).map(|body| body.to_string())
    }

    #[test]
    fn only_what_was_said_is_sent() {
        assert_eq!(
            body_of("--env dev --service web").unwrap(),
            r#"{"environment":"dev","service":"web"}"#
        );
        assert_eq!(
            body_of("--env dev --service web --rpm 6 --tpm 7 --concurrency 8 --expires 90d")
                .unwrap(),
            r#"{"environment":"dev","service":"web","expires_in":"90d","rpm":6,"tpm":7,"concurrency":8}"#
        );
    }

    #[test]
    fn a_key_is_bound_to_surfaces() {
        assert_eq!(
            body_of("--env dev --service web --surface a --surface b --enforce observe").unwrap(),
            r#"{"environment":"dev","service":"web","surfaces":["a","b"],"enforce":"observe"}"#
        );
    }

    #[test]
    fn a_key_has_a_cap_for_a_day_and_one_for_a_month() {
        assert_eq!(
            body_of("--env dev --service web --cap 20/day --cap 300.5/month").unwrap(),
            r#"{"environment":"dev","service":"web","daily_cap":"20.00","monthly_cap":"300.50"}"#
        );
        let failure = body_of("--env dev --service web --cap 20/day --cap 9/day").unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        for wrong in ["20", "20/week", "-1/day", "/day", "1e3/day", "20/day/day"] {
            assert!(KeyCap::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn json_is_exactly_the_six_members_and_the_notes_never_hold_the_key() {
        let answer = serde_json::json!({
            "organization": "default", "api_key": "bst_dev_x", "id": "4kXq81mZp0Ba",
            "environment": "dev", "service": "web", "status": "live",
            "created_at": "2026-11-23T12:00:00.000Z", "expires_at": "2027-02-21T12:00:00.000Z",
        });
        let created = NewKey::deserialize(&answer).unwrap();
        assert_eq!(
            serde_json::to_string(&created).unwrap(),
            r#"{"id":"4kXq81mZp0Ba","environment":"dev","service":"web","api_key":"bst_dev_x","created_at":"2026-11-23T12:00:00.000Z","expires_at":"2027-02-21T12:00:00.000Z"}"#
        );
        let (before, after) = notes(&created);
        assert!(before.ends_with("it expires 2027-02-21 12:00Z"), "{before}");
        assert!(!before.contains("bst_") && !after.contains("bst_"));
    }
}
