//! `POST /v1/chat/completions`, streamed and not.
//!
//! It must never answer for a model that does not chat.

use bytes::Bytes;
use http::Method;
use serde::Serialize;

use crate::answer::Answer;
use crate::chat_request::read_chat;
use crate::chat_stream::{ID_PREFIX, stream};
use crate::completion::{Choice, Completion, TextUsage};
use crate::endpoint::{Asked, Endpoint, Generated};
use crate::refused::Refused;
use crate::text::{CREATED_S, FINGERPRINT};
use crate::text_request::Delivery;

const PATH: &str = "/v1/chat/completions";

pub(crate) struct ChatCompletions;

#[derive(Serialize)]
struct Body<'a> {
    id: String,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: Vec<BodyChoice<'a>>,
    usage: TextUsage,
    system_fingerprint: &'static str,
}

#[derive(Serialize)]
struct BodyChoice<'a> {
    index: u64,
    message: Message<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    refusal: Option<()>,
}

impl Endpoint for ChatCompletions {
    fn name(&self) -> &'static str {
        "chat_completions"
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
        let request = read_chat(asked.body)?;
        let house = asked.house;
        if !house.catalogue.chats(&request.model) {
            return Err(Refused::UnknownModel);
        }
        let completion = Completion::of(&request, asked.body, house);
        let answer = match request.delivery {
            Delivery::Whole => {
                let mut answer = Answer::json(200, body(&request.model, &completion));
                answer.head_wait = completion.head_wait(house);
                answer
            }
            Delivery::Stream | Delivery::StreamWithUsage => {
                let events = stream(&request.model, &completion, request.delivery, house.pace);
                Answer::events(200, events)
            }
        };
        Ok(Generated { answer, tokens: Some(completion.usage.total_tokens) })
    }
}

fn body(model: &str, completion: &Completion) -> Bytes {
    let body = Body {
        id: format!("{ID_PREFIX}{}", completion.id),
        object: "chat.completion",
        created: CREATED_S,
        model,
        choices: completion.choices.iter().map(choice).collect(),
        usage: completion.usage,
        system_fingerprint: FINGERPRINT,
    };
    Bytes::from(serde_json::to_vec(&body).unwrap_or_default())
}

fn choice(choice: &Choice) -> BodyChoice<'_> {
    BodyChoice {
        index: choice.index,
        message: Message {
            role: "assistant",
            content: &choice.content,
            reasoning_content: choice.reasoning.as_deref(),
            refusal: None,
        },
        logprobs: None,
        finish_reason: choice.finish_reason,
    }
}
