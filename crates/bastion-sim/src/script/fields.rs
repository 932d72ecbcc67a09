//! The values of a script's fields, each checked when it is read.
//!
//! An error must never leave out what to write instead.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use toml::Value;

/// The endpoints that a script can name; other paths are written out.
pub(crate) const ENDPOINT_NAMES: [&str; 8] = [
    "chat_completions",
    "completions",
    "embeddings",
    "images",
    "models",
    "responses",
    "speech",
    "transcriptions",
];

/// Longest wait that a script may ask for, one hour.
const MAX_WAIT_MS: u64 = 3_600_000;

/// What a request must be for an answer to be its own.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Match {
    pub(crate) endpoint: Option<EndpointName>,
    pub(crate) model: Option<String>,
    pub(crate) nth: Option<Count>,
}

/// An endpoint's name, or a path.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct EndpointName(pub(crate) String);

impl TryFrom<String> for EndpointName {
    type Error = String;

    fn try_from(name: String) -> Result<EndpointName, String> {
        if name.starts_with('/') || ENDPOINT_NAMES.contains(&name.as_str()) {
            return Ok(EndpointName(name));
        }
        Err(format!(
            "no endpoint is called so; write one of {}, or a path such as \"/v1/responses\"",
            ENDPOINT_NAMES.join(", ")
        ))
    }
}

/// A count from 1.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
pub(crate) struct Count(pub(crate) u64);

impl TryFrom<i64> for Count {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Count, &'static str> {
        match u64::try_from(number) {
            Ok(count) if count > 0 => Ok(Count(count)),
            Ok(_) | Err(_) => Err("requests are counted from 1; write 1 or more"),
        }
    }
}

/// An HTTP status.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
pub(crate) struct Status(pub(crate) u16);

impl TryFrom<i64> for Status {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Status, &'static str> {
        match u16::try_from(number) {
            Ok(status) if (200..=599).contains(&status) => Ok(Status(status)),
            Ok(_) | Err(_) => Err("not the status of an answer; write 200 to 599"),
        }
    }
}

/// A wait in milliseconds.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(try_from = "i64")]
pub(crate) struct Millis(pub(crate) Duration);

impl TryFrom<i64> for Millis {
    type Error = String;

    fn try_from(number: i64) -> Result<Millis, String> {
        match u64::try_from(number) {
            Ok(millis) if millis <= MAX_WAIT_MS => Ok(Millis(Duration::from_millis(millis))),
            Ok(_) | Err(_) => {
                Err(format!("not a wait in milliseconds; write 0 to {MAX_WAIT_MS} (an hour)"))
            }
        }
    }
}

/// One header of an answer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "toml::Table")]
pub(crate) struct Headers(pub(crate) Vec<(HeaderName, HeaderValue)>);

impl TryFrom<toml::Table> for Headers {
    type Error = String;

    fn try_from(table: toml::Table) -> Result<Headers, String> {
        table.into_iter().map(header).collect::<Result<_, _>>().map(Headers)
    }
}

fn header((name, value): (String, Value)) -> Result<(HeaderName, HeaderValue), String> {
    let text = match value {
        Value::String(text) => text,
        Value::Integer(number) => number.to_string(),
        Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_)
        | Value::Table(_) => return Err(format!("header {name}: write a string or an integer")),
    };
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("'{name}' cannot be a header's name; use letters, digits and '-'"))?;
    let value = HeaderValue::from_str(&text).map_err(|_| {
        format!("header {name}: the value cannot stand in a header; leave out line ends")
    })?;
    Ok((parsed, value))
}

/// A body: text as it stands, or a table that is sent as JSON.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct ScriptedBody {
    pub(crate) bytes: Bytes,
    pub(crate) is_json: bool,
}

impl TryFrom<Value> for ScriptedBody {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<ScriptedBody, &'static str> {
        let text = match value {
            Value::String(text) => text,
            Value::Table(_) | Value::Array(_) => json(value).to_string(),
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
                return Err("a body is a string, or a table that is sent as JSON");
            }
        };
        let is_json = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        Ok(ScriptedBody { bytes: Bytes::from(text), is_json })
    }
}

/// SSE events as frames: a string is an event's data; a table names the event too.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Vec<Value>")]
pub(crate) struct Events(pub(crate) Vec<Bytes>);

impl TryFrom<Vec<Value>> for Events {
    type Error = String;

    fn try_from(values: Vec<Value>) -> Result<Events, String> {
        let numbered = (1_usize..).zip(values);
        let event = |(n, value)| event(value).map_err(|cause| format!("event {n}: {cause}"));
        numbered.map(event).collect::<Result<_, _>>().map(Events)
    }
}

fn event(value: Value) -> Result<Bytes, String> {
    match value {
        Value::String(data) => Ok(frame(None, &data)),
        Value::Table(table) => named_event(table),
        Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_) => Err(EVENT_FORMS.to_owned()),
    }
}

const EVENT_FORMS: &str = "an event is a string (its data), or a table { event = \"…\", data = … }";

fn named_event(mut table: toml::Table) -> Result<Bytes, String> {
    let event = table.remove("event");
    let data = table.remove("data");
    if let Some(unknown) = table.keys().next() {
        return Err(format!("unknown field `{unknown}` of an event, expected `event` or `data`"));
    }
    let data = match data {
        Some(Value::String(data)) => data,
        Some(value) => json(value).to_string(),
        None => String::new(),
    };
    match event {
        Some(Value::String(name)) if !name.contains(['\r', '\n']) => Ok(frame(Some(&name), &data)),
        Some(_) => Err("an event's name is a string of one line".to_owned()),
        None => Ok(frame(None, &data)),
    }
}

fn frame(event: Option<&str>, data: &str) -> Bytes {
    let mut frame = String::new();
    for (field, text) in event.map(|name| ("event: ", name)).into_iter().chain(lines(data)) {
        frame.push_str(field);
        frame.push_str(text);
        frame.push('\n');
    }
    frame.push('\n');
    Bytes::from(frame)
}

fn lines(data: &str) -> impl Iterator<Item = (&'static str, &str)> {
    data.split('\n').map(|line| ("data: ", line))
}

/// Raw bytes: a string, or a list of numbers from 0 to 255 for what is not text.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Garbage(pub(crate) Bytes);

impl TryFrom<Value> for Garbage {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Garbage, &'static str> {
        let byte =
            |number: &Value| number.as_integer().and_then(|number| u8::try_from(number).ok());
        let bytes = match &value {
            Value::String(text) => Some(text.clone().into_bytes()),
            Value::Array(numbers) => numbers.iter().map(byte).collect(),
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Table(_) => None,
        };
        bytes
            .map(|bytes| Garbage(Bytes::from(bytes)))
            .ok_or("garbage is a string, or a list of bytes such as [0, 255]")
    }
}

fn json(value: Value) -> serde_json::Value {
    match value {
        Value::String(text) => text.into(),
        Value::Integer(number) => number.into(),
        Value::Float(number) => number.into(),
        Value::Boolean(truth) => truth.into(),
        Value::Datetime(moment) => moment.to_string().into(),
        Value::Array(values) => values.into_iter().map(json).collect(),
        Value::Table(table) => table.into_iter().map(|(name, value)| (name, json(value))).collect(),
    }
}
