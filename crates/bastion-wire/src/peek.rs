//! Reads of a chat request what policy reads, in one pass, and nothing else.
//!
//! It must never accept a key twice that policy reads (the upstream might take the other one), and
//! never repeat the body's content in a message.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bastion_types::Refusal;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::nesting::{MAX_NESTING, is_nested_too_deep};

/// Most output tokens that anybody can mean.
const MAX_OUTPUT_LIMIT_TOKENS: u64 = 2_147_483_647;

/// Most choices of one call.
const MAX_CHOICES: u64 = 128;

/// Longest end user's id, in bytes.
const MAX_USER_BYTES: usize = 256;

/// What policy reads of a chat request.
#[derive(Debug, PartialEq, Eq)]
pub struct ChatAsk<'a> {
    /// The model as the caller names it.
    pub model: Cow<'a, str>,
    /// Where the model's value stands in the body, quotes included.
    pub model_place: Range<usize>,
    /// Is the answer to be a stream?
    pub stream: bool,
    /// What to change in the body so that the stream ends with its usage; none where the caller
    /// asks for that or the answer is no stream.
    pub usage_wish: Option<UsageWish>,
    /// Does the caller want the answer stored at the upstream?
    pub store: bool,
    /// The most output tokens of each choice; the larger one where two spellings are given.
    pub output_limit_tokens: Option<u64>,
    /// Choices asked for (`n`).
    pub choices: u64,
    /// The end user's id.
    pub user: Option<Cow<'a, str>>,
}

/// The change that asks for a stream's usage on the caller's behalf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageWish {
    /// Which bytes of the body go; none: an insertion.
    pub place: Range<usize>,
    /// What stands there instead.
    pub with: &'static str,
}

/// Reads a chat request's body.
///
/// # Errors
/// 400 for what is not UTF-8, not JSON, nested too deep, of the wrong type, missing or there twice.
pub fn read_chat(body: &[u8]) -> Result<ChatAsk<'_>, Refusal> {
    let text = std::str::from_utf8(body).map_err(|cause| {
        let at = cause.valid_up_to();
        Refusal::invalid(format!("the body is not UTF-8 at byte {at}; send UTF-8"))
    })?;
    if is_nested_too_deep(body) {
        let message = format!("the body nests deeper than {MAX_NESTING}; flatten it");
        return Err(Refusal::invalid(message));
    }
    let slots: Slots<'_> = serde_json::from_str(text).map_err(|cause| told(&cause))?;
    if let Some(field) = slots.twice {
        let message = format!("'{field}' stands twice in the body; send it once");
        return Err(Refusal::invalid_field(field, message));
    }
    ask(text, &slots)
}

fn ask<'a>(text: &'a str, slots: &Slots<'a>) -> Result<ChatAsk<'a>, Refusal> {
    let model = slots.required(Field::Model)?;
    if !slots.required(Field::Messages)?.get().starts_with('[') {
        return Err(wrong_type(Field::Messages, "a list"));
    }
    let limit = |field| slots.count(field, MAX_OUTPUT_LIMIT_TOKENS);
    let user = match slots.user(Field::SafetyIdentifier)? {
        Some(user) => Some(user),
        None => slots.user(Field::User)?,
    };
    let stream = slots.flag(Field::Stream)?;
    let usage_wish = usage_wish(text, slots)?;
    Ok(ChatAsk {
        model: string(model).ok_or_else(|| wrong_type(Field::Model, "a string"))?,
        model_place: place(text, model),
        stream,
        usage_wish: usage_wish.filter(|_| stream),
        store: slots.flag(Field::Store)?,
        output_limit_tokens: limit(Field::MaxCompletionTokens)?.max(limit(Field::MaxTokens)?),
        choices: slots.count(Field::N, MAX_CHOICES)?.unwrap_or(1),
        user,
    })
}

/// How `stream_options.include_usage` becomes true; none where it is.
fn usage_wish(text: &str, slots: &Slots<'_>) -> Result<Option<UsageWish>, Refusal> {
    let Some(options) = slots.slot(Field::StreamOptions) else {
        let behind_brace = text.find('{').unwrap_or_default() + 1;
        let with = r#""stream_options":{"include_usage":true},"#;
        return Ok(Some(UsageWish { place: behind_brace..behind_brace, with }));
    };
    let around = place(text, options);
    if options.get() == "null" {
        return Ok(Some(UsageWish { place: around, with: r#"{"include_usage":true}"# }));
    }
    if !options.get().starts_with('{') {
        return Err(wrong_type(Field::StreamOptions, "an object"));
    }
    let once = "an object that names 'include_usage' once";
    let given: Options<'_> =
        serde_json::from_str(options.get()).map_err(|_| wrong_type(Field::StreamOptions, once))?;
    let Some(asked) = given.include_usage else {
        let is_empty = options.get().bytes().all(|byte| b"{} \t\r\n".contains(&byte));
        let with = if is_empty { r#""include_usage":true"# } else { r#""include_usage":true,"# };
        return Ok(Some(UsageWish { place: around.start + 1..around.start + 1, with }));
    };
    match asked.get() {
        "true" => Ok(None),
        "false" | "null" => Ok(Some(UsageWish { place: place(text, asked), with: "true" })),
        _ => Err(wrong_type(Field::StreamOptions, "an object whose 'include_usage' is a boolean")),
    }
}

#[derive(Deserialize)]
struct Options<'a> {
    #[serde(borrow, default, deserialize_with = "even_null")]
    include_usage: Option<&'a RawValue>,
}

/// A null is there, too: it stands at a place.
fn even_null<'de: 'a, 'a, D: Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// The keys that policy reads; `Other` is everything that passes untouched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Model,
    Messages,
    Stream,
    StreamOptions,
    Store,
    MaxTokens,
    MaxCompletionTokens,
    N,
    User,
    SafetyIdentifier,
    #[serde(other)]
    Other,
}

impl Field {
    const COUNT: usize = 11;

    const fn name(self) -> &'static str {
        match self {
            Field::Model => "model",
            Field::Messages => "messages",
            Field::Stream => "stream",
            Field::StreamOptions => "stream_options",
            Field::Store => "store",
            Field::MaxTokens => "max_tokens",
            Field::MaxCompletionTokens => "max_completion_tokens",
            Field::N => "n",
            Field::User => "user",
            Field::SafetyIdentifier => "safety_identifier",
            Field::Other => "",
        }
    }
}

/// The raw values of the keys that policy reads.
#[derive(Default)]
struct Slots<'a> {
    values: [Option<&'a RawValue>; Field::COUNT],
    twice: Option<&'static str>,
}

impl<'a> Slots<'a> {
    /// The value, unless it is absent or null.
    fn get(&self, field: Field) -> Option<&'a RawValue> {
        self.slot(field).filter(|value| value.get() != "null")
    }

    fn slot(&self, field: Field) -> Option<&'a RawValue> {
        self.values.get(field as usize).copied().flatten()
    }

    fn required(&self, field: Field) -> Result<&'a RawValue, Refusal> {
        self.get(field).ok_or_else(|| {
            let name = field.name();
            Refusal::invalid_field(name, format!("'{name}' is missing; it is required"))
        })
    }

    fn flag(&self, field: Field) -> Result<bool, Refusal> {
        match self.get(field).map(RawValue::get) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(wrong_type(field, "true or false")),
        }
    }

    fn count(&self, field: Field, most: u64) -> Result<Option<u64>, Refusal> {
        let Some(value) = self.get(field) else { return Ok(None) };
        match value.get().parse() {
            Ok(count) if (1..=most).contains(&count) => Ok(Some(count)),
            _ => Err(wrong_type(field, &format!("a whole number from 1 to {most}"))),
        }
    }

    fn user(&self, field: Field) -> Result<Option<Cow<'a, str>>, Refusal> {
        let Some(value) = self.get(field) else { return Ok(None) };
        match string(value) {
            Some(user) if user.len() <= MAX_USER_BYTES => Ok(Some(user)),
            _ => Err(wrong_type(field, &format!("a string of at most {MAX_USER_BYTES} bytes"))),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Slots<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Slots<'a>, D::Error> {
        deserializer.deserialize_map(SlotsVisitor).map(|slots: Slots<'de>| slots)
    }
}

struct SlotsVisitor;

impl<'de> Visitor<'de> for SlotsVisitor {
    type Value = Slots<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Slots<'de>, M::Error> {
        let mut slots = Slots::default();
        while let Some(field) = map.next_key::<Field>()? {
            if field == Field::Other {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: &'de RawValue = map.next_value()?;
            if let Some(slot) = slots.values.get_mut(field as usize)
                && slot.replace(value).is_some()
            {
                slots.twice = Some(field.name());
            }
        }
        Ok(slots)
    }
}

/// A JSON string's text; none for any other value.
fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    let text: Text<'_> = serde_json::from_str(value.get()).ok()?;
    Some(text.0)
}

/// Where a value stands in the text that it was read from.
fn place(text: &str, value: &RawValue) -> Range<usize> {
    let start = value.get().as_ptr().addr().saturating_sub(text.as_ptr().addr());
    start..start.saturating_add(value.get().len())
}

fn wrong_type(field: Field, expected: &str) -> Refusal {
    let name = field.name();
    Refusal::invalid_field(name, format!("'{name}' must be {expected}"))
}

/// The place of a syntax error; never the text around it.
fn told(cause: &serde_json::Error) -> Refusal {
    let (line, column) = (cause.line(), cause.column());
    if cause.is_eof() {
        return Refusal::invalid("the body ends in the middle of the JSON; send it whole");
    }
    if cause.is_data() {
        return Refusal::invalid("the body must be a JSON object");
    }
    Refusal::invalid(format!("the body is not valid JSON at line {line}, column {column}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &[u8], expect: &str) {
        let refusal = read_chat(body).unwrap_err();
        assert_eq!(refusal.status(), 400);
        let message = refusal.message();
        assert!(message.contains(expect), "{message:?} should say {expect:?}");
    }

    #[test]
    fn only_what_policy_reads_is_read() {
        let body = br#" {"x":[1,{"model":"no"}],"model":"m\u0041","messages":[],"stream":true,
            "max_tokens":5,"max_completion_tokens":9,"n":2,"user":"u","store":null} "#;
        let ask = read_chat(body).unwrap();
        assert_eq!(ask.model, "mA");
        assert_eq!(&body[ask.model_place.clone()], br#""m\u0041""#);
        assert_eq!((ask.stream, ask.store, ask.choices), (true, false, 2));
        assert_eq!(ask.output_limit_tokens, Some(9));
        assert_eq!(ask.user.as_deref(), Some("u"));
    }

    #[test]
    fn what_is_not_a_request_is_told_without_its_content() {
        refused(b"{\"model\":\"m\",\"mess", "ends in the middle");
        refused(b"{model}", "line 1, column 2");
        refused(b"[]", "must be a JSON object");
        refused(b"\"secret prompt\"", "must be a JSON object");
        refused(b"{} {}", "not valid JSON");
        refused(b"", "ends in the middle");
        refused(b"{\"model\":\"\xff\"}", "not UTF-8 at byte 10");
        refused(br#"{"messages":[]}"#, "'model' is missing");
        refused(br#"{"model":null,"messages":[]}"#, "'model' is missing");
        refused(br#"{"model":"m"}"#, "'messages' is missing");
        refused(br#"{"model":5,"messages":[]}"#, "'model' must be a string");
        refused(br#"{"model":"m","messages":{}}"#, "'messages' must be a list");
        refused(br#"{"model":"m","messages":[],"stream":"yes"}"#, "'stream' must be true or false");
    }

    #[test]
    fn a_key_that_policy_reads_may_stand_once() {
        refused(br#"{"model":"a","model":"b","messages":[]}"#, "'model' stands twice");
        refused(br#"{"model":"a","mod\u0065l":"b","messages":[]}"#, "'model' stands twice");
        refused(br#"{"model":"a","messages":[],"stream":false,"stream":true}"#, "'stream' stands");
        let passes = br#"{"model":"a","messages":[],"x":1,"x":2}"#;
        assert!(read_chat(passes).is_ok(), "what policy does not read passes as it came");
    }

    #[test]
    fn an_output_limit_is_a_positive_whole_number() {
        for wrong in ["-1", "0", "9223372036854775808", "\"12\"", "1.5", "1e3", "[]"] {
            let body = format!(r#"{{"model":"a","messages":[],"max_tokens":{wrong}}}"#);
            refused(body.as_bytes(), "'max_tokens' must be a whole number");
        }
        refused(br#"{"model":"a","messages":[],"n":10000}"#, "'n' must be a whole number");
    }

    #[test]
    fn nesting_is_bounded() {
        let deep =
            format!(r#"{{"model":"a","messages":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        refused(deep.as_bytes(), "nests deeper than 128");
    }

    /// The body with what its ask wishes for.
    fn wished(body: &str) -> Option<String> {
        let wish = read_chat(body.as_bytes()).unwrap().usage_wish?;
        let (before, after) = (&body[..wish.place.start], &body[wish.place.end..]);
        Some(format!("{before}{}{after}", wish.with))
    }

    #[test]
    fn usage_is_asked_for_where_the_caller_does_not() {
        let body =
            |options: &str| format!(r#" {{"model":"m","messages":[],"stream":true{options}}}"#);
        let asked =
            r#" {"stream_options":{"include_usage":true},"model":"m","messages":[],"stream":true}"#;
        assert_eq!(wished(&body("")).unwrap(), asked);
        for (given, expect) in [
            (r#","stream_options":null"#, r#","stream_options":{"include_usage":true}"#),
            (r#","stream_options":{ }"#, r#","stream_options":{"include_usage":true }"#),
            (r#","stream_options":{"x":1}"#, r#","stream_options":{"include_usage":true,"x":1}"#),
            (
                r#","stream_options":{"include_usage": false}"#,
                r#","stream_options":{"include_usage": true}"#,
            ),
            (
                r#","stream_options":{"include_usage":null}"#,
                r#","stream_options":{"include_usage":true}"#,
            ),
        ] {
            assert_eq!(wished(&body(given)).unwrap(), body(expect), "{given}");
            assert_eq!(wished(&body(expect)), None, "{expect}");
        }
        assert_eq!(wished(r#"{"model":"m","messages":[]}"#), None, "no stream, no option");
        let twice = body(r#","stream_options":{"include_usage":true,"include_usage":false}"#);
        refused(twice.as_bytes(), "once");
        refused(body(r#","stream_options":[]"#).as_bytes(), "'stream_options' must be an object");
        refused(body(r#","stream_options":{"include_usage":1}"#).as_bytes(), "a boolean");
    }
}
