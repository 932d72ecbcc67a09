//! A call as a line of the log.
//!
//! It must never hold the end user's id, which may be an address: that stays in the store.

use std::fmt::{Display, Write};

use bastion_types::{CallRecord, ModelName, Region, UpstreamName};

/// Appends the call as a JSON object on a line of its own. Every call writes one.
pub(crate) fn json_line(record: &CallRecord, to: &mut String) {
    let mut line = Object::open(to);
    line.plain("timestamp", record.at);
    line.text("level", Some("INFO"));
    line.text("message", Some("call"));
    line.text("request_id", Some(record.id.as_str()));
    line.text("environment", Some(record.environment.as_str()));
    line.text("service", Some(record.service.as_str()));
    line.text("key_id", Some(record.key_id.as_str()));
    line.text("endpoint", Some(&record.endpoint));
    line.text("model", record.model.as_ref().map(ModelName::as_str));
    line.text("upstream", record.upstream.as_ref().map(UpstreamName::as_str));
    line.text("region", record.region.as_ref().map(Region::as_str));
    line.number("status", Some(record.status.into()));
    line.text("code", record.code.as_deref());
    line.number("attempts", Some(record.attempts.0.into()));
    line.text("stream", Some(record.stream.as_str()));
    line.number("input_tokens", Some(record.usage.input_tokens));
    line.number("output_tokens", Some(record.usage.output_tokens));
    line.word("estimated", if record.usage.estimated { "true" } else { "false" });
    match record.cost {
        Some(cost) => line.plain("cost", cost),
        None => line.word("cost", NULL),
    }
    line.number("latency_ms", Some(record.latency_ms));
    line.number("first_event_ms", record.first_event_ms);
    line.close();
}

/// Appends the call for people, on a line of its own.
pub(crate) fn text_line(record: &CallRecord, to: &mut String) {
    let model = record.model.as_ref().map_or("-", ModelName::as_str);
    let code = record.code.as_deref().map(|code| format!(" {code}")).unwrap_or_default();
    written(writeln!(
        to,
        "{at}  call {id} {status}{code} {environment}/{service} {endpoint} {model} {ms} ms, {input} \
         tokens in, {output} out",
        at = record.at,
        id = record.id,
        status = record.status,
        environment = record.environment,
        service = record.service,
        endpoint = record.endpoint,
        ms = record.latency_ms,
        input = record.usage.input_tokens,
        output = record.usage.output_tokens,
    ));
}

const NULL: &str = "null";

/// One JSON object that is written field by field.
struct Object<'a> {
    to: &'a mut String,
    /// What stands before the next field.
    before: &'static str,
}

impl Object<'_> {
    fn open(to: &mut String) -> Object<'_> {
        Object { to, before: "{\"" }
    }

    fn close(self) {
        self.to.push_str("}\n");
    }

    fn name(&mut self, name: &'static str) {
        self.to.push_str(self.before);
        self.to.push_str(name);
        self.to.push_str("\":");
        self.before = ",\"";
    }

    /// A word of JSON's own.
    fn word(&mut self, name: &'static str, word: &'static str) {
        self.name(name);
        self.to.push_str(word);
    }

    /// A value whose text never needs escaping.
    fn plain(&mut self, name: &'static str, value: impl Display) {
        self.name(name);
        written(write!(self.to, "\"{value}\""));
    }

    fn number(&mut self, name: &'static str, number: Option<u64>) {
        self.name(name);
        match number {
            Some(number) => written(write!(self.to, "{number}")),
            None => self.to.push_str(NULL),
        }
    }

    fn text(&mut self, name: &'static str, text: Option<&str>) {
        self.name(name);
        let Some(text) = text else { return self.to.push_str(NULL) };
        let is_special = |byte: u8| byte < b' ' || matches!(byte, b'"' | b'\\');
        if text.bytes().any(is_special) {
            // serde_json knows how each is escaped.
            self.to.push_str(&serde_json::Value::from(text).to_string());
        } else {
            self.to.push('"');
            self.to.push_str(text);
            self.to.push('"');
        }
    }
}

/// Writing into a text cannot fail.
fn written(result: std::fmt::Result) {
    debug_assert!(result.is_ok(), "a text takes everything");
}

#[cfg(test)]
pub(crate) mod tests {
    use std::borrow::Cow;

    use bastion_types::{
        AttemptCount, EnvironmentName, KeyId, Money, RequestId, ServiceName, StreamOutcome,
        Timestamp, Usage,
    };
    use serde_json::{Value, json};

    use super::*;

    /// A call that was answered.
    pub(crate) fn record() -> CallRecord {
        let at = Timestamp::parse("2026-11-26T15:04:05.25Z").unwrap();
        CallRecord {
            id: RequestId::generate(at).unwrap(),
            at,
            environment: EnvironmentName::parse("prod").unwrap(),
            service: ServiceName::parse("search").unwrap(),
            key_id: KeyId::parse("0000000000Ab").unwrap(),
            surface: None,
            endpoint: Cow::Borrowed("chat_completions"),
            model: None,
            upstream: None,
            region: None,
            status: 200,
            code: None,
            attempts: AttemptCount(1),
            stream: StreamOutcome::None,
            usage: Usage { input_tokens: 57, output_tokens: 31, ..Usage::default() },
            cost: Some(Money::from_nanos(9_050)),
            attempt_charges: Vec::new(),
            latency_ms: 12,
            first_event_ms: None,
            user: Some("somebody@example.com".to_owned()),
            ended_empty: false,
            observed: None,
        }
    }

    #[test]
    fn a_line_is_one_object_with_every_field() {
        let record = record();
        let mut line = String::from("before\n");
        json_line(&record, &mut line);
        let (_, object) = line.split_once('\n').unwrap();
        assert_eq!(object.matches('\n').count(), 1);
        let read: Value = serde_json::from_str(object).unwrap();
        let expect = json!({
            "timestamp": record.at, "level": "INFO", "message": "call", "request_id": record.id,
            "environment": "prod", "service": "search", "key_id": record.key_id,
            "endpoint": "chat_completions", "model": null, "upstream": null, "region": null,
            "status": 200, "code": null, "attempts": 1, "stream": "none", "input_tokens": 57,
            "output_tokens": 31, "estimated": false, "cost": "0.00000905", "latency_ms": 12,
            "first_event_ms": null,
        });
        assert_eq!(read, expect);
    }

    #[test]
    fn what_would_end_a_text_is_escaped() {
        for odd in ["a\"b", "a\\b", "a\nb", "a\0b", "\u{1f600} \u{7f}\u{2028}"] {
            let mut text = String::new();
            let mut object = Object::open(&mut text);
            object.text("odd", Some(odd));
            object.close();
            let read: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(read, json!({"odd": odd}));
        }
    }

    #[test]
    fn a_line_for_people_says_what_counts() {
        let record = CallRecord { code: Some(Cow::Borrowed("cap_exceeded")), ..record() };
        let mut line = String::new();
        text_line(&record, &mut line);
        assert!(line.contains(" 200 cap_exceeded prod/search chat_completions - 12 ms, 57 tokens"));
        assert!(line.ends_with('\n') && !line.contains('@'), "{line}");
    }
}
