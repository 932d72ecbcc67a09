//! What chat and completions share: chunks with choices, usage and `[DONE]`.
//!
//! It must never read a chunk that a quick look can tell is text.

use std::sync::LazyLock;

use bastion_types::Usage;
use memchr::memmem;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::sse::{Frame, Run};
use crate::usage::answer_usage;

#[derive(Deserialize)]
struct Chunk {
    choices: Vec<IgnoredAny>,
    #[serde(default)]
    usage: Option<IgnoredAny>,
}

/// Is this frame the one that `include_usage` adds: usage, and no choice? Source: contract, Streams.
pub(super) fn is_usage_alone(frame: Frame<'_>) -> bool {
    let Some(data) = frame.data() else { return false };
    let chunk: Result<Chunk, _> = serde_json::from_slice(&data);
    chunk.is_ok_and(|chunk| chunk.usage.is_some() && chunk.choices.is_empty())
}

/// The usage in a chunk.
pub(super) fn usage(data: &[u8]) -> Option<Usage> {
    WORDS.iter().find(|word| word.needle() == USAGE)?.find(data)?;
    answer_usage(data)
}

/// What stands in a frame that is more than text.
static WORDS: LazyLock<[memmem::Finder<'static>; 3]> =
    LazyLock::new(|| [b"error".as_slice(), b"[DONE]", USAGE].map(memmem::Finder::new));

const USAGE: &[u8] = b"\"usage\"";

/// The frames that may be more than text, with their numbers: an error, a usage that is not null,
/// the end. A quick look that errs in one direction only, so that most frames need no reading.
pub(super) fn notable_frames(run: &Run) -> Vec<(usize, Frame<'_>)> {
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
