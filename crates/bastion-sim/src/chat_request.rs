//! The fields of a chat request that decide its answer; all others are ignored.
//!
//! An error must never repeat what the request says.

use serde::Deserialize;
use serde_json::Value;

use crate::catalogue::reasons;
use crate::fields;
use crate::refused::Refused;
use crate::text_request::{Format, PromptSize, TextRequest};

/// Most choices of one request. Source: OpenAI's reference.
const MAX_CHOICES: u64 = 128;

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

/// Reads the body of a chat request.
pub(crate) fn read_chat(body: &[u8]) -> Result<TextRequest, Refused> {
    let given: Fields = fields::read(body)?;
    let model = fields::model(given.model)?;
    let messages = match given.messages {
        Some(Value::Array(messages)) if !messages.is_empty() => messages,
        _ => {
            let message = "'messages' is missing, empty or no array; send at least one";
            return Err(Refused::field("messages", message));
        }
    };
    let old = fields::count(given.max_tokens.as_ref(), "max_tokens", u64::MAX)?;
    let new =
        fields::count(given.max_completion_tokens.as_ref(), "max_completion_tokens", u64::MAX)?;
    Ok(TextRequest {
        thinks: reasons(&model),
        model,
        choices: fields::count(given.n.as_ref(), "n", MAX_CHOICES)?.unwrap_or(1),
        max_tokens: [old, new].into_iter().flatten().min(),
        delivery: fields::delivery(given.stream.as_ref(), given.stream_options.as_ref())?,
        format: Format::of(given.response_format.as_ref()),
        prompt: prompt(&messages),
    })
}

fn prompt(messages: &[Value]) -> PromptSize {
    let contents = messages.iter().filter_map(|message| message.get("content"));
    let (bytes, images) = contents.fold((0_u64, 0_u64), |(bytes, images), content| {
        let (more_bytes, more_images) = PromptSize::parts(content);
        (bytes.saturating_add(more_bytes), images.saturating_add(more_images))
    });
    PromptSize::of(bytes, images)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str, param: Option<&'static str>) {
        match read_chat(body.as_bytes()) {
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
    fn a_prompt_counts_all_its_messages() {
        let body = r#"{"model":"m","messages":[{"content":"12345"},{"content":null},
            {"content":[{"type":"text","text":"678"},{"type":"image_url","image_url":{}}]}],
            "n":null,"max_tokens":9,"max_completion_tokens":5,"unknown":[1]}"#;
        let request = read_chat(body.as_bytes()).unwrap();
        assert_eq!(request.prompt, PromptSize::of(8, 1));
        assert_eq!((request.max_tokens, request.choices), (Some(5), 1));
    }
}
