//! `POST /v1/responses`, streamed and not: stateless only.
//!
//! It must never answer a call that would be kept, nor one that goes on from an earlier one.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::answer::Answer;
use crate::catalogue::reasons;
use crate::completion::Completion;
use crate::endpoint::{Asked, Endpoint, Generated};
use crate::fields;
use crate::refused::Refused;
use crate::response_events::events;
use crate::response_parts::Parts;
use crate::text_request::{Delivery, Format, PromptSize, TextRequest};

const PATH: &str = "/v1/responses";

pub(crate) struct Responses;

#[derive(Deserialize)]
struct Fields {
    model: Option<Value>,
    input: Option<Value>,
    instructions: Option<Value>,
    max_output_tokens: Option<Value>,
    stream: Option<Value>,
    text: Option<Value>,
    store: Option<Value>,
    previous_response_id: Option<Value>,
    conversation: Option<Value>,
    background: Option<Value>,
}

impl Endpoint for Responses {
    fn name(&self) -> &'static str {
        "responses"
    }

    fn method(&self) -> Method {
        Method::POST
    }

    fn allow(&self) -> &'static str {
        "POST"
    }

    fn takes(&self, path: &str) -> bool {
        path == PATH
    }

    fn model_in<'a>(&self, _path: &'a str) -> Option<&'a str> {
        None
    }

    fn generate(&self, asked: &Asked<'_>) -> Result<Generated, Refused> {
        let request = read(asked.body)?;
        let house = asked.house;
        if !house.catalogue.responds(&request.model) {
            return Err(Refused::UnknownModel);
        }
        let completion = Completion::of(&request, asked.body, house);
        let parts = Parts::of(&request, &completion);
        let answer = match request.delivery {
            Delivery::Whole => {
                let body = serde_json::to_vec(&parts.whole()).unwrap_or_default();
                let mut answer = Answer::json(200, Bytes::from(body));
                answer.head_wait = completion.head_wait(house);
                answer
            }
            Delivery::Stream | Delivery::StreamWithUsage => {
                Answer::events(200, events(&parts, house.pace))
            }
        };
        Ok(Generated { answer, tokens: Some(completion.usage.total_tokens) })
    }
}

fn read(body: &[u8]) -> Result<TextRequest, Refused> {
    let given: Fields = fields::read(body)?;
    if is_stateful(&given) {
        return Err(Refused::Stateful);
    }
    let model = fields::model(given.model)?;
    let input = given.input.as_ref();
    let prompt = input.and_then(size_of).ok_or_else(|| {
        Refused::field("input", "'input' is missing, empty, or neither a text nor a list of items")
    })?;
    let instructions = given.instructions.as_ref().and_then(Value::as_str).unwrap_or_default();
    let instructions = PromptSize::parts(&Value::from(instructions)).0;
    let limit = given.max_output_tokens.as_ref();
    let stream = fields::flag(given.stream.as_ref(), "stream")?;
    Ok(TextRequest {
        thinks: reasons(&model),
        model,
        choices: 1,
        max_tokens: fields::count(limit, "max_output_tokens", u64::MAX)?,
        delivery: if stream { Delivery::Stream } else { Delivery::Whole },
        format: Format::of(given.text.as_ref().and_then(|text| text.get("format"))),
        prompt: PromptSize::of(prompt.0.saturating_add(instructions), prompt.1),
    })
}

/// What says nothing is kept by default. Source: OpenAI's reference, `store`.
fn is_stateful(given: &Fields) -> bool {
    given.store != Some(Value::Bool(false))
        || given.previous_response_id.is_some()
        || given.conversation.is_some()
        || given.background == Some(Value::Bool(true))
}

/// Bytes of text and number of images: of a text, or of all items.
fn size_of(input: &Value) -> Option<(u64, u64)> {
    match input {
        Value::String(_) => Some(PromptSize::parts(input)),
        Value::Array(items) if !items.is_empty() => {
            let sizes = items.iter().filter_map(|item| item.get("content")).map(PromptSize::parts);
            Some(sizes.fold((0_u64, 0_u64), |(bytes, images), (more_bytes, more_images)| {
                (bytes.saturating_add(more_bytes), images.saturating_add(more_images))
            }))
        }
        Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_kept_nowhere_is_answered() {
        let status = |rest: &str| {
            let body = format!(r#"{{"model":"m","input":"a"{rest}}}"#);
            read(body.as_bytes()).map_or_else(|refused| refused.answer().status, |_| 200)
        };
        assert_eq!(status(r#","store":false,"previous_response_id":null"#), 200);
        for stateful in [
            "",
            r#","store":true"#,
            r#","store":null"#,
            r#","store":false,"previous_response_id":"r""#,
            r#","store":false,"conversation":{}"#,
            r#","store":false,"background":true"#,
        ] {
            assert_eq!(status(stateful), 502, "{stateful}");
        }
        assert_eq!(status(r#","store":false,"max_output_tokens":0"#), 400);
    }

    #[test]
    fn text_items_and_instructions_count() {
        let size = |input: &str| {
            let body =
                format!(r#"{{"model":"m","store":false,"instructions":"12","input":{input}}}"#);
            read(body.as_bytes()).map(|request| request.prompt.bytes).ok()
        };
        assert_eq!(size(r#""123""#), Some(5));
        assert_eq!(size(r#"[{"content":[{"text":"4"}]},{"content":"5"},{"type":"x"}]"#), Some(4));
        assert_eq!((size("[]"), size("5"), size("{}")), (None, None, None));
    }
}
