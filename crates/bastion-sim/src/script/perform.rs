//! Turns a scripted answer and the generated one into what is sent.
//!
//! It must never ask for the generated answer when the script has the whole one: that would be
//! charged.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};

use crate::answer::{Answer, Content, TimedEvent};
use crate::refused::Refused;
use crate::script::scripted::ScriptedAnswer;
use crate::steps::Faults;

/// An answer and what befalls it on the way.
pub(crate) struct Performance {
    pub(crate) answer: Answer,
    pub(crate) faults: Faults,
}

impl Performance {
    /// Nothing befalls it.
    pub(crate) fn plain(answer: Answer) -> Performance {
        Performance { answer, faults: Faults::default() }
    }
}

/// `generate` is asked only where the script says nothing of its own; `stream` is whether the
/// request asked for one.
pub(crate) fn perform(
    scripted: &ScriptedAnswer,
    stream: bool,
    generate: impl FnOnce() -> Answer,
) -> Performance {
    let mut answer = own(scripted, stream).unwrap_or_else(generate);
    if let Some(status) = scripted.status {
        answer.status = status.0;
    }
    if let Some(gap) = scripted.gap_ms {
        spread(&mut answer.content, gap.0);
    }
    for (name, value) in &scripted.headers.0 {
        answer.headers.insert(name, value.clone());
    }
    Performance { answer, faults: scripted.faults() }
}

/// What the script itself says; none where it only changes a generated answer.
fn own(scripted: &ScriptedAnswer, stream: bool) -> Option<Answer> {
    let status = scripted.status.map_or(200, |status| status.0);
    if let Some(body) = &scripted.body {
        let content_type =
            if body.is_json { "application/json" } else { "text/plain; charset=utf-8" };
        return Some(Answer::whole(status, content_type, body.bytes.clone()));
    }
    if let Some(events) = &scripted.events {
        let timed = |frame: &Bytes| TimedEvent { wait: Duration::ZERO, frame: frame.clone() };
        let events = events.0.iter().map(timed).collect();
        return Some(Answer::events(status, events));
    }
    if let Some(garbage) = scripted.garbage.as_ref().filter(|_| scripted.garbage_is_all()) {
        return Some(garbled(status, stream, garbage.0.clone()));
    }
    match status {
        300..=399 => Some(empty(status)),
        400.. => Some(Refused::Scripted(status).answer()),
        _ => None,
    }
}

/// Garbage where the body should be, with the content type that was to be expected.
fn garbled(status: u16, stream: bool, garbage: Bytes) -> Answer {
    let mut answer = if stream {
        Answer::events(status, Vec::new())
    } else {
        Answer::json(status, Bytes::new())
    };
    answer.content = Content::Whole(garbage);
    answer
}

fn empty(status: u16) -> Answer {
    let mut answer = Answer::json(status, Bytes::new());
    answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}

/// The same gap between all events or pieces; the first one keeps its own wait.
fn spread(content: &mut Content, gap: Duration) {
    match content {
        Content::Events(events) => events.iter_mut().skip(1).for_each(|event| event.wait = gap),
        Content::Pieces(pieces) => pieces.iter_mut().skip(1).for_each(|piece| piece.wait = gap),
        Content::Whole(_) => {}
    }
}
