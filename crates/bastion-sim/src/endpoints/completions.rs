//! `POST /v1/completions`, streamed and not.
//!
//! It must never answer for a model that does not chat, and never echo a prompt.

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::{Answer, TimedEvent};
use crate::completion::{Choice, Completion, UsageField};
use crate::endpoint::{Asked, Endpoint, Generated};
use crate::fields;
use crate::prompts::{prompts, size_of};
use crate::refused::Refused;
use crate::telling::told_in_turn;
use crate::text::{CREATED_S, FINGERPRINT, len};
use crate::text_request::{Delivery, Format, TextRequest};

const PATH: &str = "/v1/completions";

/// Most choices of one prompt. Source: OpenAI's reference.
const MAX_CHOICES: u64 = 128;

/// Tokens of a choice where the request says nothing. Source: OpenAI's reference.
const DEFAULT_TOKENS: u64 = 16;

pub(crate) struct Completions;

#[derive(Deserialize)]
struct Fields {
    model: Option<Value>,
    prompt: Option<Value>,
    n: Option<Value>,
    best_of: Option<Value>,
    max_tokens: Option<Value>,
    stream: Option<Value>,
    stream_options: Option<Value>,
}

#[derive(Serialize)]
struct Body<'a> {
    id: String,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: Vec<BodyChoice<'a>>,
    system_fingerprint: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageField>,
}

#[derive(Serialize)]
struct BodyChoice<'a> {
    text: &'a str,
    index: u64,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

impl Endpoint for Completions {
    fn name(&self) -> &'static str {
        "completions"
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
        if !house.catalogue.chats(&request.model) {
            return Err(Refused::UnknownModel);
        }
        let completion = Completion::of(&request, asked.body, house);
        let writer = Writer { request: &request, completion: &completion };
        let answer = match request.delivery {
            Delivery::Whole => {
                let choices = completion.choices.iter().map(whole_choice).collect();
                let body = writer.body(choices, Some(UsageField::Whole(completion.usage)));
                let mut answer = Answer::json(200, Bytes::from(body));
                answer.head_wait = completion.head_wait(house);
                answer
            }
            Delivery::Stream | Delivery::StreamWithUsage => {
                Answer::events(200, writer.events(asked))
            }
        };
        Ok(Generated { answer, tokens: Some(completion.usage.total_tokens) })
    }
}

fn read(body: &[u8]) -> Result<TextRequest, Refused> {
    let given: Fields = fields::read(body)?;
    let model = fields::model(given.model)?;
    let prompts = prompts(given.prompt.as_ref(), "prompt")?;
    let shown = fields::count(given.n.as_ref(), "n", MAX_CHOICES)?.unwrap_or(1);
    fields::count(given.best_of.as_ref(), "best_of", MAX_CHOICES)?;
    let max_tokens = fields::count(given.max_tokens.as_ref(), "max_tokens", u64::MAX)?;
    Ok(TextRequest {
        model,
        choices: shown.saturating_mul(len(prompts.len())),
        max_tokens: Some(max_tokens.unwrap_or(DEFAULT_TOKENS)),
        delivery: fields::delivery(given.stream.as_ref(), given.stream_options.as_ref())?,
        format: Format::Text,
        thinks: false,
        prompt: size_of(&prompts),
    })
}

struct Writer<'a> {
    request: &'a TextRequest,
    completion: &'a Completion,
}

impl Writer<'_> {
    fn body(&self, choices: Vec<BodyChoice<'_>>, usage: Option<UsageField>) -> Vec<u8> {
        let body = Body {
            id: format!("cmpl-{}", self.completion.id),
            object: "text_completion",
            created: CREATED_S,
            model: &self.request.model,
            choices,
            system_fingerprint: FINGERPRINT,
            usage,
        };
        serde_json::to_vec(&body).unwrap_or_default()
    }

    /// The words of the choices in turn, then the ends, the usage if it was asked for, `[DONE]`.
    fn events(&self, asked: &Asked<'_>) -> Vec<TimedEvent> {
        let pace = asked.house.pace;
        let choices = &self.completion.choices;
        // As chat has it: null on every event but the last, where it was asked for.
        let none =
            (self.request.delivery == Delivery::StreamWithUsage).then_some(UsageField::NotYet(()));
        let event = |wait, choices, usage| TimedEvent::data(wait, &self.body(choices, usage));
        let mut events: Vec<_> = told_in_turn(choices, pace, |choice| &choice.content)
            .into_iter()
            .map(|(wait, choice, text)| {
                let (index, logprobs, finish_reason) = (choice.index, None, None);
                event(wait, vec![BodyChoice { text, index, logprobs, finish_reason }], none)
            })
            .collect();
        let zero = std::time::Duration::ZERO;
        events.extend(choices.iter().map(|choice| {
            event(zero, vec![BodyChoice { text: "", ..whole_choice(choice) }], none)
        }));
        if self.request.delivery == Delivery::StreamWithUsage {
            events.push(event(zero, Vec::new(), Some(UsageField::Whole(self.completion.usage))));
        }
        events.push(TimedEvent::data(zero, b"[DONE]"));
        if let Some(first) = events.first_mut() {
            first.wait = pace.first_token();
        }
        events
    }
}

fn whole_choice(choice: &Choice) -> BodyChoice<'_> {
    BodyChoice {
        text: &choice.content,
        index: choice.index,
        logprobs: None,
        finish_reason: Some(choice.finish_reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prompt_has_its_choices_and_a_short_answer() {
        let request = read(br#"{"model":"m","prompt":["ab","cdef"],"n":3}"#).unwrap();
        assert_eq!((request.choices, request.max_tokens), (6, Some(DEFAULT_TOKENS)));
        assert_eq!((request.prompt.bytes, request.prompt.tokens), (6, 2));
        for wrong in [
            r#"{"model":"m"}"#,
            r#"{"model":"m","prompt":"a","n":129}"#,
            r#"{"model":"m","prompt":"a","best_of":0}"#,
            r#"{"model":"m","prompt":"a","max_tokens":0}"#,
            r#"{"prompt":"a"}"#,
        ] {
            assert_eq!(read(wrong.as_bytes()).unwrap_err().answer().status, 400, "{wrong}");
        }
    }
}
