//! What one event of a response's stream is: its type says it.
//!
//! It must never take an event for the last one by a word in its text.

use std::borrow::Cow;
use std::sync::LazyLock;

use bastion_types::Usage;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::content::Content;
use crate::sse::{Frame, Run};
use crate::usage::answer_usage;

/// What comes before any content: the response and its parts, still empty.
const START_UPS: [&str; 7] = [
    "response.created",
    "response.queued",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.reasoning_summary_part.added",
    "response.reasoning_part.added",
];

const FAILED: &str = "response.failed";

/// The last event of a stream. Source: OpenAI's reference, streaming events.
const ENDS: [&str; 3] = ["response.completed", "response.incomplete", FAILED];

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
}

/// The event that shows what the model thinks, word for word.
const THINKING: &str = "response.reasoning_text.delta";

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Last<'a> {
    #[serde(borrow)]
    response: &'a RawValue,
}

/// How the types of pieces end.
const DELTA: &[u8] = b".delta";

/// The field that numbers events.
const NUMBER: &[u8] = b"\"sequence_number\"";

fn kind(data: &[u8]) -> Option<Cow<'_, str>> {
    serde_json::from_slice::<Event<'_>>(data).ok().map(|event| event.kind)
}

/// What it says; nothing for one that a reader could not have seen anything of.
pub(super) fn content(data: &[u8]) -> Option<Content> {
    let Ok(Delta { kind, delta }) = serde_json::from_slice(data) else {
        return Some(Content::UNKNOWN);
    };
    if START_UPS.contains(&kind.as_ref()) {
        return None;
    }
    let bytes = delta.map(|delta| delta.get().trim_matches('"').len());
    Some(Content { bytes, shows_all: kind == THINKING })
}

/// Is it a piece of a text? Its event's name says so, and where there is none its type.
pub(super) fn is_delta(frame: Frame<'_>) -> bool {
    match frame.event() {
        Some(event) => event.ends_with(DELTA),
        None => has_kind(frame, |kind| kind.as_bytes().ends_with(DELTA)),
    }
}

/// Is it the last event?
pub(super) fn is_end(frame: Frame<'_>) -> bool {
    ENDS_FOUND.iter().any(|end| end.find(frame.bytes()).is_some())
        && has_kind(frame, |kind| ENDS.contains(&kind))
}

/// Does it say that the response came to nothing?
pub(super) fn is_error(frame: Frame<'_>) -> bool {
    has_kind(frame, |kind| kind == FAILED || kind == "error")
}

fn has_kind(frame: Frame<'_>, is: impl Fn(&str) -> bool) -> bool {
    frame.data().is_some_and(|data| kind(&data).is_some_and(|kind| is(&kind)))
}

/// The number of the event that would come next; 0 where none is known.
pub(super) fn next_number(passed: &[u8]) -> u64 {
    // Within a text its quotation marks would be escaped.
    let behind = memmem::rfind(passed, NUMBER).map(|at| at.saturating_add(NUMBER.len()));
    let rest = behind.and_then(|at| passed.get(at..)).unwrap_or_default();
    let digits = rest.iter().skip_while(|byte| b": ".contains(byte));
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    let text: String = digits.map(|byte| char::from(*byte)).collect();
    text.parse::<u64>().map_or(0, |last| last.saturating_add(1))
}

/// The usage that the last event carries.
pub(super) fn usage(data: &[u8]) -> Option<Usage> {
    USAGE.find(data)?;
    let last: Last<'_> = serde_json::from_slice(data).ok()?;
    answer_usage(last.response.get().as_bytes())
}

static ENDS_FOUND: LazyLock<[memmem::Finder<'static>; 3]> =
    LazyLock::new(|| ENDS.map(|end| memmem::Finder::new(end.as_bytes())));

static USAGE: LazyLock<memmem::Finder<'static>> =
    LazyLock::new(|| memmem::Finder::new(b"\"usage\""));

static ERROR: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(b"error"));

/// The frames in which the name of a last event, or the word error, stands.
pub(super) fn notable_frames(run: &Run) -> Vec<(usize, Frame<'_>)> {
    let bytes = run.bytes.as_ref();
    let finders = ENDS_FOUND.iter().chain(std::iter::once(&*ERROR));
    run.frames_at(finders.flat_map(|finder| finder.find_iter(bytes)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::FrameReader;

    fn frame(kind: &str, rest: &str) -> Vec<u8> {
        format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"sequence_number\":1{rest}}}\n\n")
            .into()
    }

    #[test]
    fn an_event_is_what_its_type_says() {
        let check = |kind: &str, start_up: bool, end: bool, error: bool| {
            let bytes = frame(kind, "");
            let frame = Frame::of(&bytes);
            let data = frame.data().unwrap();
            assert_eq!(content(&data).is_none(), start_up, "{kind}");
            assert_eq!((is_end(frame), is_error(frame)), (end, error), "{kind}");
        };
        check("response.created", true, false, false);
        check("response.in_progress", true, false, false);
        check("response.output_item.added", true, false, false);
        check("response.output_text.delta", false, false, false);
        check("response.function_call_arguments.delta", false, false, false);
        check("response.completed", false, true, false);
        check("response.incomplete", false, true, false);
        check("response.failed", false, true, true);
        check("error", false, false, true);
        check("response.something.new", false, false, false);
    }

    #[test]
    fn only_a_delta_counts_where_there_is_one() {
        let content = |kind: &str, rest: &str| {
            let bytes = frame(kind, rest);
            let content = content(&Frame::of(&bytes).data().unwrap()).unwrap();
            (content.bytes, content.shows_all)
        };
        let delta = r#","item_id":"i","delta":"four""#;
        assert_eq!(content("response.output_text.delta", delta), (Some(4), false));
        assert_eq!(content("response.reasoning_text.delta", delta), (Some(4), true));
        assert_eq!(content("response.reasoning_summary_text.delta", delta), (Some(4), false));
        assert_eq!(content("response.new", r#","x":1"#), (None, false));
    }

    #[test]
    fn a_word_in_a_text_ends_nothing() {
        let delta = frame("response.output_text.delta", r#","delta":"response.completed""#);
        assert!(!is_end(Frame::of(&delta)));
        let nested = frame("response.output_text.delta", r#","x":{"type":"response.completed"}"#);
        assert!(!is_end(Frame::of(&nested)));
        assert!(!is_end(Frame::of(b"event: response.completed\ndata: [DONE]\n\n")));
    }

    #[test]
    fn the_last_event_carries_the_usage() {
        let usage_of = |response: &str| {
            let bytes = frame("response.completed", &format!(",\"response\":{response}"));
            usage(&Frame::of(&bytes).data().unwrap())
        };
        let reported = usage_of(
            "{\"usage\":{\"input_tokens\":11,\"input_tokens_details\":{\"cached_tokens\":4},\
             \"output_tokens\":7,\"output_tokens_details\":{\"reasoning_tokens\":3}}}",
        )
        .unwrap();
        assert_eq!((reported.input_tokens, reported.cached_input_tokens), (11, 4));
        assert_eq!((reported.output_tokens, reported.reasoning_tokens), (7, 3));
        assert_eq!(usage_of(r#"{"usage":null}"#), None);
    }

    #[test]
    fn the_next_event_has_the_number_behind_the_last_one() {
        let check = |passed: &str, expect: u64| assert_eq!(next_number(passed.as_bytes()), expect);
        check("", 0);
        check("data: {\"sequence_number\":4,\"type\":\"x\"}\n\n", 5);
        check("{\"sequence_number\":1}\n\n{\"sequence_number\": 12}\n\n", 13);
        check("{\"sequence_number\":3,\"delta\":\"\\\"sequence_number\\\":9\"}", 4);
        check("{\"sequence_number\":null}", 0);
        check("{\"sequence_number\":18446744073709551615}", u64::MAX);
    }

    #[test]
    fn a_quick_look_finds_ends_and_errors() {
        let text: Vec<u8> = [
            frame("response.output_text.delta", ""),
            frame("response.output_text.delta", r#","delta":"an error""#),
            frame("response.completed", ""),
        ]
        .concat();
        let run = FrameReader::default().push(text.into()).unwrap().unwrap();
        let found: Vec<_> = notable_frames(&run).into_iter().map(|(index, _)| index).collect();
        assert_eq!(found, [1, 2]);
    }
}
