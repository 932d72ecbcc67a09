//! The fields of a chat request that decide its answer; all others are ignored.
//!
//! An error must never repeat what the request says.

use serde::Deserialize;
use serde_json::Value;

use crate::refused::Refused;
use crate::text::{BYTES_PER_TOKEN, len};

/// Most choices of one request. Source: OpenAI's reference.
const MAX_CHOICES: u64 = 128;
/// What an image in a prompt counts as.
const IMAGE_TOKENS: u64 = 85;
/// From so many tokens on a prompt counts as cached in part, in steps of `CACHE_STEP_TOKENS`.
const MIN_CACHED_PROMPT_TOKENS: u64 = 1024;
const CACHE_STEP_TOKENS: u64 = 128;

#[derive(Deserialize)]
struct Fields {
    model: Option<Value>,
    messages: Option<Value>,
    n: Option<Value>,
    max_tokens: Option<Value>,
    max_completion_tokens: Option<Value>,
    stream: Option<Value>,
    stream_options: Option<Value>,
    response_format: Option<Value>,
}

/// How the answer is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    Stream,
    StreamWithUsage,
}

/// What the text is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Debug)]
pub(crate) struct ChatRequest {
    pub(crate) model: String,
    pub(crate) choices: u64,
    /// For each choice, reasoning included.
    pub(crate) max_tokens: Option<u64>,
    pub(crate) delivery: Delivery,
    pub(crate) format: Format,
    /// Bytes of the text in all messages.
    pub(crate) prompt_bytes: u64,
    pub(crate) prompt_tokens: u64,
}

impl ChatRequest {
    pub(crate) fn parse(body: &[u8]) -> Result<ChatRequest, Refused> {
        let fields: Fields = serde_json::from_slice(body).map_err(|cause| Refused::Invalid {
            message: format!(
                "the body is no JSON object, or names a field twice; see line {}, column {}",
                cause.line(),
                cause.column()
            )
            .into(),
            param: None,
        })?;
        let Some(Value::String(model)) = fields.model else {
            return Err(Refused::field("model", "'model' is missing or no string; name a model"));
        };
        let messages = match fields.messages {
            Some(Value::Array(messages)) if !messages.is_empty() => messages,
            _ => {
                let message = "'messages' is missing, empty or no array; send at least one";
                return Err(Refused::field("messages", message));
            }
        };
        let old = count(fields.max_tokens.as_ref(), "max_tokens", u64::MAX)?;
        let new = count(fields.max_completion_tokens.as_ref(), "max_completion_tokens", u64::MAX)?;
        let (prompt_bytes, images) = prompt(&messages);
        Ok(ChatRequest {
            model,
            choices: count(fields.n.as_ref(), "n", MAX_CHOICES)?.unwrap_or(1),
            max_tokens: [old, new].into_iter().flatten().min(),
            delivery: delivery(fields.stream.as_ref(), fields.stream_options.as_ref())?,
            format: format_of(fields.response_format.as_ref()),
            prompt_bytes,
            prompt_tokens: prompt_bytes
                .div_ceil(len(BYTES_PER_TOKEN))
                .saturating_add(images.saturating_mul(IMAGE_TOKENS))
                .max(1),
        })
    }

    /// Half of a long prompt: so that prices of cached input are met in tests.
    pub(crate) fn cached_tokens(&self) -> u64 {
        if self.prompt_tokens < MIN_CACHED_PROMPT_TOKENS {
            return 0;
        }
        let half = self.prompt_tokens / 2;
        half.saturating_sub(half % CACHE_STEP_TOKENS)
    }
}

fn count(value: Option<&Value>, param: &'static str, most: u64) -> Result<Option<u64>, Refused> {
    let Some(value) = value else { return Ok(None) };
    match value.as_u64() {
        Some(count) if (1..=most).contains(&count) => Ok(Some(count)),
        Some(_) | None => {
            Err(Refused::field(param, format!("'{param}' is no count; send 1 to {most}")))
        }
    }
}

fn delivery(stream: Option<&Value>, options: Option<&Value>) -> Result<Delivery, Refused> {
    let stream = match stream {
        None | Some(Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(_) => return Err(Refused::field("stream", "'stream' is true or false")),
    };
    let usage = options.and_then(|options| options.get("include_usage"));
    match (stream, options) {
        (false, Some(_)) => {
            let message = "'stream_options' is allowed with 'stream': true only";
            Err(Refused::field("stream_options", message))
        }
        (false, None) => Ok(Delivery::Whole),
        (true, _) if usage == Some(&Value::Bool(true)) => Ok(Delivery::StreamWithUsage),
        (true, _) => Ok(Delivery::Stream),
    }
}

fn format_of(format: Option<&Value>) -> Format {
    match format.and_then(|format| format.get("type")).and_then(Value::as_str) {
        Some("json_object" | "json_schema") => Format::Json,
        Some(_) | None => Format::Text,
    }
}

/// Bytes of text and number of images in all messages.
fn prompt(messages: &[Value]) -> (u64, u64) {
    let contents = messages.iter().filter_map(|message| message.get("content"));
    contents.fold((0, 0), |(bytes, images), content| {
        let (more_bytes, more_images) = sizes(content);
        (bytes.saturating_add(more_bytes), images.saturating_add(more_images))
    })
}

fn sizes(content: &Value) -> (u64, u64) {
    if let Some(text) = content.as_str() {
        return (len(text.len()), 0);
    }
    let parts = content.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str));
    let images = parts.iter().filter(|part| part.get("image_url").is_some());
    (texts.map(|text| len(text.len())).fold(0, u64::saturating_add), len(images.count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str, param: Option<&'static str>) {
        match ChatRequest::parse(body.as_bytes()) {
            Err(Refused::Invalid { param: named, .. }) => assert_eq!(named, param, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
        refused("{", None);
        refused("[]", None);
        refused(r#"{"model":"a","model":"b","messages":[{}]}"#, None);
        refused(r#"{"messages":[{}]}"#, Some("model"));
        refused(r#"{"model":"m"}"#, Some("messages"));
        refused(r#"{"model":"m","messages":[]}"#, Some("messages"));
        refused(r#"{"model":"m","messages":[{}],"n":0}"#, Some("n"));
        refused(r#"{"model":"m","messages":[{}],"n":129}"#, Some("n"));
        refused(r#"{"model":"m","messages":[{}],"max_tokens":0}"#, Some("max_tokens"));
        refused(r#"{"model":"m","messages":[{}],"max_tokens":1.5}"#, Some("max_tokens"));
        refused(r#"{"model":"m","messages":[{}],"stream":"yes"}"#, Some("stream"));
        refused(r#"{"model":"m","messages":[{}],"stream_options":{}}"#, Some("stream_options"));
    }

    #[test]
    fn a_prompt_counts_its_text_and_its_images() {
        let body = r#"{"model":"m","messages":[{"content":"12345"},{"content":null},
            {"content":[{"type":"text","text":"678"},{"type":"image_url","image_url":{}}]}],
            "n":null,"max_tokens":9,"max_completion_tokens":5,"unknown":[1]}"#;
        let request = ChatRequest::parse(body.as_bytes()).unwrap();
        assert_eq!((request.prompt_bytes, request.prompt_tokens), (8, 2 + IMAGE_TOKENS));
        assert_eq!((request.max_tokens, request.choices), (Some(5), 1));
        assert_eq!(request.cached_tokens(), 0);
    }

    #[test]
    fn half_of_a_long_prompt_is_cached() {
        let body =
            format!(r#"{{"model":"m","messages":[{{"content":"{}"}}]}}"#, "a".repeat(4 * 2000));
        assert_eq!(ChatRequest::parse(body.as_bytes()).unwrap().cached_tokens(), 896);
    }
}
