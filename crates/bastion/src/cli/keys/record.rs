//! A key as the operator API shows it, read and made into text.
//!
//! It must never hold a secret: records have none.

use bastion_runtime::TokioClock;
use bastion_types::{Clock, Span, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::exit::Exit;
use crate::operator::Failure;

/// A key that was used so lately still has traffic. Box `credentials.rotation`.
const TRAFFIC: Span = Span::from_secs(10 * 60);

/// A key.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) environment: String,
    pub(super) service: String,
    pub(super) status: String,
    pub(super) created_at: Timestamp,
    #[serde(default)]
    pub(super) expires_at: Option<Timestamp>,
    #[serde(default)]
    revoked_at: Option<Timestamp>,
    #[serde(default)]
    last_used_at: Option<Timestamp>,
    #[serde(default)]
    rpm: Option<u64>,
    #[serde(default)]
    tpm: Option<u64>,
    #[serde(default)]
    concurrency: Option<u64>,
    #[serde(default)]
    surfaces: Vec<String>,
    #[serde(default)]
    enforce: Option<String>,
    #[serde(default)]
    monthly_cap: Option<String>,
    #[serde(default)]
    daily_cap: Option<String>,
    #[serde(default)]
    secrets: Vec<SecretInfo>,
}

#[derive(Debug, Clone, Deserialize)]
struct SecretInfo {
    created_at: Timestamp,
    #[serde(default)]
    ends_at: Option<Timestamp>,
}

/// The names of [`Record::row`]'s columns.
pub(super) const COLUMNS: &[&str] =
    &["id", "environment", "service", "status", "created", "last used", "expires"];

impl Record {
    /// Reads the server's answer.
    ///
    /// # Errors
    /// When it is no key.
    pub(super) fn read(json: &Value) -> Result<Record, Failure> {
        Record::deserialize(json).map_err(|error| nonsense(&error))
    }

    /// Does somebody call with it?
    pub(super) fn has_traffic(&self, now: Timestamp) -> bool {
        self.status == "live" && self.last_used_at.is_some_and(|last| last.plus(TRAFFIC) >= now)
    }

    /// As people speak of it.
    pub(super) fn named(&self) -> String {
        format!("{} (service {}, environment {})", self.id, self.service, self.environment)
    }

    /// How long ago it opened a call.
    pub(super) fn last_used(&self, now: Timestamp) -> String {
        self.last_used_at.map_or_else(|| "never".to_owned(), |last| ago(last, now))
    }

    /// Its line in a list.
    pub(super) fn row(&self, now: Timestamp) -> Vec<String> {
        vec![
            self.id.clone(),
            self.environment.clone(),
            self.service.clone(),
            self.status.clone(),
            moment(self.created_at),
            self.last_used(now),
            self.expires_at.map_or_else(|| "never".to_owned(), moment),
        ]
    }

    /// All that is known of it, a line each.
    pub(super) fn page(&self, now: Timestamp) -> String {
        let limit = |limit: Option<u64>| limit.map_or("no limit".to_owned(), |n| n.to_string());
        let mut lines = vec![
            ("id", self.id.clone()),
            ("environment", self.environment.clone()),
            ("service", self.service.clone()),
            ("status", self.status.clone()),
            ("created", moment(self.created_at)),
            ("last used", self.last_used(now)),
            ("expires", self.expires_at.map_or_else(|| "never".to_owned(), moment)),
        ];
        lines.extend(self.revoked_at.map(|at| ("revoked", moment(at))));
        lines.push(("requests/min", limit(self.rpm)));
        lines.push(("tokens/min", limit(self.tpm)));
        lines.push(("concurrency", limit(self.concurrency)));
        if !self.surfaces.is_empty() {
            lines.push(("surfaces", self.surfaces.join(", ")));
        }
        let observes = self.enforce.as_deref().filter(|enforce| *enforce != "on");
        lines.extend(observes.map(|enforce| ("enforce", enforce.to_owned())));
        let caps = [(&self.monthly_cap, "a month"), (&self.daily_cap, "a day")];
        let cap = |(cap, each): (&Option<String>, &str)| {
            cap.as_deref().map(|cap| ("cap", format!("{cap} {each}")))
        };
        lines.extend(caps.into_iter().filter_map(cap));
        lines.extend(self.secrets.iter().map(|secret| ("secret", secret.line(now))));
        let lines: Vec<String> =
            lines.into_iter().map(|(name, value)| format!("{name:<13} {value}")).collect();
        lines.join("\n")
    }
}

impl SecretInfo {
    fn line(&self, now: Timestamp) -> String {
        let end = match self.ends_at {
            None => "ends with the key".to_owned(),
            Some(at) if at <= now => format!("ended {}", moment(at)),
            Some(at) => format!("ends {}", moment(at)),
        };
        format!("made {}, {end}", moment(self.created_at))
    }
}

/// The moment to hold records against.
pub(super) fn now() -> Timestamp {
    TokioClock::start().now()
}

/// The answer is JSON and not what this version knows.
pub(super) fn nonsense(error: &dyn std::error::Error) -> Failure {
    let message = format!(
        "the server's answer is not understood ({error}); are server and command of the same \
         version?"
    );
    Failure::new(Exit::No, message)
}

/// A moment to the minute, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    match text.get(..16) {
        Some(minute) => format!("{}Z", minute.replace('T', " ")),
        None => text,
    }
}

fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.seconds().saturating_sub(at.seconds());
    match seconds {
        ..60 => "just now".to_owned(),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        86_400.. => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> Value {
        json!({
            "id": "4kXq81mZp0Ba", "environment": "prod", "service": "api-worker",
            "status": "live", "created_at": "2026-11-23T12:00:00.000Z",
            "expires_at": null, "revoked_at": null,
            "last_used_at": "2026-11-24T11:55:30.000Z",
            "rpm": 600, "tpm": null, "concurrency": 8, "surfaces": ["chat", "search"],
            "enforce": "observe", "monthly_cap": null, "daily_cap": null,
            "secrets": [
                { "created_at": "2026-11-23T12:00:00Z", "ends_at": "2026-11-24T18:00:00Z" },
                { "created_at": "2026-11-23T18:00:00Z", "ends_at": null },
            ],
        })
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_key_is_shown_line_by_line() {
        let page = Record::read(&record()).unwrap().page(at("2026-11-24T12:00:00Z"));
        assert_eq!(
            page,
            "\
id            4kXq81mZp0Ba
environment   prod
service       api-worker
status        live
created       2026-11-23 12:00Z
last used     4 min ago
expires       never
requests/min  600
tokens/min    no limit
concurrency   8
surfaces      chat, search
enforce       observe
secret        made 2026-11-23 12:00Z, ends 2026-11-24 18:00Z
secret        made 2026-11-23 18:00Z, ends with the key"
        );
    }

    #[test]
    fn a_key_used_within_ten_minutes_has_traffic() {
        let key = Record::read(&record()).unwrap();
        assert!(key.has_traffic(at("2026-11-24T12:05:30Z")));
        assert!(!key.has_traffic(at("2026-11-24T12:05:31Z")));
        assert!(key.has_traffic(at("2026-11-24T11:00:00Z")), "the server's clock is ahead");
        let revoked = Record { status: "revoked".into(), ..key.clone() };
        assert!(!revoked.has_traffic(at("2026-11-24T12:00:00Z")));
        let unused = Record { last_used_at: None, ..key };
        assert!(!unused.has_traffic(at("2026-11-24T12:00:00Z")));
    }

    #[test]
    fn how_long_ago_is_told_in_one_unit() {
        let then = at("2026-11-24T12:00:00Z");
        let check = |now: &str, expect: &str| assert_eq!(ago(then, at(now)), expect);
        check("2026-11-24T11:00:00Z", "just now");
        check("2026-11-24T12:00:59Z", "just now");
        check("2026-11-24T12:59:59Z", "59 min ago");
        check("2026-11-25T11:59:59Z", "23 h ago");
        check("2026-12-24T12:00:00Z", "30 d ago");
    }

    #[test]
    fn an_answer_of_another_version_is_told() {
        let failure = Record::read(&json!({ "id": 7 })).unwrap_err();
        assert!(failure.message.contains("same version"), "{}", failure.message);
    }
}
