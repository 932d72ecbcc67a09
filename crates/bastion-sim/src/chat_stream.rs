//! A chat answer as the events of a stream.
//!
//! It must never send usage that was not asked for, nor an event behind `[DONE]`.

use std::time::Duration;

use serde::Serialize;

use crate::Pace;
use crate::answer::TimedEvent;
use crate::completion::{Choice, Completion, TextUsage, UsageField};
use crate::telling::told_in_turn;
use crate::text::{CREATED_S, FINGERPRINT};
use crate::text_request::Delivery;

/// What a chat answer's id begins with.
pub(crate) const ID_PREFIX: &str = "chatcmpl-";

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    system_fingerprint: &'static str,
    choices: &'a [ChunkChoice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageField>,
}

#[derive(Serialize)]
struct ChunkChoice<'a> {
    index: u64,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'static str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
}

struct Writer<'a> {
    id: String,
    model: &'a str,
    completion: &'a Completion,
    delivery: Delivery,
    events: Vec<TimedEvent>,
}

/// Roles, then reasoning, then text word by word, then the ends; the choices take turns.
pub(crate) fn stream(
    model: &str,
    completion: &Completion,
    delivery: Delivery,
    pace: Pace,
) -> Vec<TimedEvent> {
    let id = format!("{ID_PREFIX}{}", completion.id);
    let mut writer = Writer { id, model, completion, delivery, events: Vec::new() };
    for choice in &completion.choices {
        let delta = Delta { role: Some("assistant"), content: Some(""), ..Delta::default() };
        let wait = if choice.index == 0 { pace.first_token() } else { Duration::ZERO };
        writer.delta(wait, choice, delta, None);
    }
    writer.words(pace, Part::Reasoning);
    writer.words(pace, Part::Content);
    for choice in &completion.choices {
        writer.delta(Duration::ZERO, choice, Delta::default(), Some(choice.finish_reason));
    }
    if delivery == Delivery::StreamWithUsage {
        writer.chunk(Duration::ZERO, &[], Some(completion.usage));
    }
    writer.events.push(TimedEvent::data(Duration::ZERO, b"[DONE]"));
    writer.events
}

#[derive(Clone, Copy)]
enum Part {
    Reasoning,
    Content,
}

impl Part {
    fn text(self, choice: &Choice) -> &str {
        match self {
            Part::Reasoning => choice.reasoning.as_deref().unwrap_or_default(),
            Part::Content => &choice.content,
        }
    }

    fn delta(self, word: &str) -> Delta<'_> {
        match self {
            Part::Reasoning => Delta { reasoning_content: Some(word), ..Delta::default() },
            Part::Content => Delta { content: Some(word), ..Delta::default() },
        }
    }
}

impl Writer<'_> {
    /// A word of each choice in turn, until all are told.
    fn words(&mut self, pace: Pace, part: Part) {
        let completion = self.completion;
        let told = told_in_turn(&completion.choices, pace, |choice| part.text(choice));
        for (wait, choice, word) in told {
            self.delta(wait, choice, part.delta(word), None);
        }
    }

    fn delta(
        &mut self,
        wait: Duration,
        choice: &Choice,
        delta: Delta<'_>,
        finish_reason: Option<&'static str>,
    ) {
        let choice = ChunkChoice { index: choice.index, delta, logprobs: None, finish_reason };
        self.chunk(wait, &[choice], None);
    }

    fn chunk(&mut self, wait: Duration, choices: &[ChunkChoice<'_>], usage: Option<TextUsage>) {
        let field = usage.map_or(UsageField::NotYet(()), UsageField::Whole);
        let chunk = Chunk {
            id: &self.id,
            object: "chat.completion.chunk",
            created: CREATED_S,
            model: self.model,
            system_fingerprint: FINGERPRINT,
            choices,
            usage: (self.delivery == Delivery::StreamWithUsage).then_some(field),
        };
        let data = serde_json::to_vec(&chunk).unwrap_or_default();
        self.events.push(TimedEvent::data(wait, &data));
    }
}
