//! What one event of a chat stream is: a start-up, content, or usage alone.
//!
//! It must never take for a start-up what it does not know: only what is surely empty is held back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::sse::{Frame, Run};

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
    #[serde(default)]
    usage: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: BTreeMap<Cow<'a, str>, &'a RawValue>,
    #[serde(default)]
    finish_reason: Option<IgnoredAny>,
}

impl Choice<'_> {
    /// A role and empty fields: nothing that a reader could have seen.
    fn is_empty(&self) -> bool {
        let empty = |value: &RawValue| matches!(value.get(), "null" | "\"\"" | "[]" | "{}");
        let silent = self.delta.iter().all(|(name, value)| name == "role" || empty(value));
        silent && self.finish_reason.is_none()
    }
}

/// Does this frame come before any content: a comment, a role, an empty delta? An attempt that
/// fails behind such frames alone can be made again unseen. Content is text, reasoning, a tool
/// call, audio. Source: architecture, The path of a call.
pub fn is_start_up(frame: Frame<'_>) -> bool {
    let Some(data) = frame.data() else { return true };
    let chunk: Result<Chunk<'_>, _> = serde_json::from_slice(&data);
    chunk.is_ok_and(|chunk| chunk.usage.is_none() && chunk.choices.iter().all(Choice::is_empty))
}

/// Is this frame the one that `include_usage` adds: usage, and no choice? Source: contract, Streams.
pub fn is_usage_alone(frame: Frame<'_>) -> bool {
    let Some(data) = frame.data() else { return false };
    let chunk: Result<Chunk<'_>, _> = serde_json::from_slice(&data);
    chunk.is_ok_and(|chunk| chunk.usage.is_some() && chunk.choices.is_empty())
}

/// What stands in a frame that is more than text.
static WORDS: LazyLock<[memmem::Finder<'static>; 3]> =
    LazyLock::new(|| [b"error".as_slice(), b"[DONE]", USAGE].map(memmem::Finder::new));

const USAGE: &[u8] = b"\"usage\"";

/// The frames that may be more than text, with their numbers: an error, a usage that is not null,
/// the end. A quick look that errs in one direction only, so that most frames need no reading.
pub fn notable_frames(run: &Run) -> Vec<(usize, Frame<'_>)> {
    let bytes = run.bytes.as_ref();
    let mut places = Vec::new();
    for word in WORDS.iter() {
        let says_something = |at: &usize| word.needle() != USAGE || !is_null(bytes, *at);
        places.extend(word.find_iter(bytes).filter(says_something));
    }
    run.frames_at(places)
}

/// Is the usage at this place null? Some upstreams say so in every chunk.
fn is_null(bytes: &[u8], at: usize) -> bool {
    let behind = bytes.get(at + USAGE.len()..).unwrap_or_default();
    let value = behind.iter().position(|byte| !matches!(byte, b':' | b' ' | b'\t'));
    value.and_then(|from| behind.get(from..)).unwrap_or_default().starts_with(b"null")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::FrameReader;

    fn frame(data: &str) -> Vec<u8> {
        format!("data: {data}\n\n").into_bytes()
    }

    fn start_up(data: &str, expect: bool) {
        assert_eq!(is_start_up(Frame::of(&frame(data))), expect, "{data}");
    }

    #[test]
    fn a_role_or_an_empty_delta_is_a_start_up() {
        start_up(r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#, true);
        start_up(r#"{"choices":[{"delta":{"content":null,"tool_calls":[]}}],"usage":null}"#, true);
        start_up(r#"{"choices":[],"prompt_filter_results":[]}"#, true);
        assert!(is_start_up(Frame::of(b": keep-alive\n\n")));
    }

    #[test]
    fn content_of_any_kind_is_none() {
        for delta in [
            r#""content":" ""#,
            r#""reasoning_content":"x""#,
            r#""tool_calls":[{"index":0}]"#,
            r#""audio":{"id":"a"}"#,
            r#""refusal":"no""#,
        ] {
            start_up(&format!(r#"{{"choices":[{{"delta":{{"role":"a",{delta}}}}}]}}"#), false);
        }
        start_up(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#, false);
        start_up(r#"{"choices":[],"usage":{"prompt_tokens":1}}"#, false);
    }

    #[test]
    fn what_is_not_known_is_not_held_back() {
        for data in ["{}", "[DONE]", "x", r#"{"type":"other"}"#, r#"{"choices":[{"text":""}]}"#] {
            start_up(data, false);
        }
    }

    #[test]
    fn usage_alone_has_no_choice() {
        let alone = |data: &str| is_usage_alone(Frame::of(&frame(data)));
        assert!(alone(r#"{"id":"x","choices":[],"usage":{"prompt_tokens":1}}"#));
        assert!(!alone(r#"{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1}}"#));
        assert!(!alone(r#"{"choices":[],"usage":null}"#));
        assert!(!alone("[DONE]"));
    }

    #[test]
    fn a_quick_look_misses_nothing_that_matters() {
        let notable = |frames: &[&str]| -> Vec<usize> {
            let text: String = frames.iter().flat_map(|data| ["data:", data, "\n\n"]).collect();
            let run = FrameReader::default().push(text.into()).unwrap().unwrap();
            notable_frames(&run).into_iter().map(|(index, _)| index).collect()
        };
        let text = r#"{"choices":[{"delta":{"content":"usage, done"}}],"usage":null}"#;
        let spaced = r#"{"usage" : null,"choices":[]}"#;
        let quoted = r#"{"choices":[{"delta":{"content":"the \"usage\":1"}}]}"#;
        assert_eq!(notable(&[text, spaced, quoted]), [0; 0]);
        let usage = r#"{"usage":null,"x":{"usage": {"prompt_tokens":1}}}"#;
        assert_eq!(notable(&[text, usage, quoted, "[DONE]"]), [1, 3]);
        assert_eq!(notable(&[r#"{"error":"error"}"#, text, r#"{"usage""#]), [0, 2]);
    }
}
