//! Reads what an answer says of its usage.
//!
//! It must never believe what cannot be: a count that is absurd is no report, and an estimate
//! takes its place.

use bastion_types::Usage;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::judge_body::{is_error_answer, is_json_object};

/// More tokens than any model's context: a report beyond it is absurd.
const MAX_REPORTED_TOKENS: u64 = 1_000_000_000;

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    usage: Option<Reported>,
}

/// What a whole answer is, read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// No JSON object.
    Nonsense,
    /// An object that holds an error at its top.
    Error,
    /// An answer, with its usage if it reports one that can be believed.
    Good(Option<Usage>),
}

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    error: Option<IgnoredAny>,
    #[serde(default)]
    usage: Option<Reported>,
}

#[derive(Deserialize)]
struct Reported {
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize, Default)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

#[derive(Deserialize, Default)]
struct CompletionDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

/// Reads what a whole answer of a chat is.
pub fn read_answer(body: &[u8]) -> AnswerKind {
    let begins = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    match serde_json::from_slice::<Whole>(body) {
        Ok(_) if !begins => AnswerKind::Nonsense,
        Ok(Whole { error: Some(_), .. }) => AnswerKind::Error,
        Ok(Whole { error: None, usage }) => AnswerKind::Good(usage.as_ref().and_then(believed)),
        // A usage of another shape is no reason to refuse an answer.
        Err(_) if !is_json_object(body) => AnswerKind::Nonsense,
        Err(_) if is_error_answer(body) => AnswerKind::Error,
        Err(_) => AnswerKind::Good(None),
    }
}

/// The usage of a whole answer; none when it reports none that can be believed.
pub fn answer_usage(body: &[u8]) -> Option<Usage> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    believed(&answer.usage?)
}

/// The usage in the data of one event of a stream.
pub fn frame_usage(data: &[u8]) -> Option<Usage> {
    memchr::memmem::find(data, b"\"usage\"")?;
    answer_usage(data)
}

fn believed(reported: &Reported) -> Option<Usage> {
    let cached = reported.prompt_tokens_details.as_ref().and_then(|d| d.cached_tokens).unwrap_or(0);
    let details = reported.completion_tokens_details.as_ref();
    let reasoning = details.and_then(|d| d.reasoning_tokens).unwrap_or(0);
    let largest = reported.prompt_tokens.max(reported.completion_tokens);
    (largest <= MAX_REPORTED_TOKENS).then(|| Usage {
        input_tokens: reported.prompt_tokens,
        cached_input_tokens: cached.min(reported.prompt_tokens),
        output_tokens: reported.completion_tokens,
        reasoning_tokens: reasoning.min(reported.completion_tokens),
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_and_thinking_tokens_are_read() {
        let body = br#"{"id":"x","usage":{"prompt_tokens":10,"completion_tokens":7,
            "prompt_tokens_details":{"cached_tokens":4},
            "completion_tokens_details":{"reasoning_tokens":3}}}"#;
        let usage = answer_usage(body).unwrap();
        assert_eq!((usage.input_tokens, usage.cached_input_tokens), (10, 4));
        assert_eq!((usage.output_tokens, usage.reasoning_tokens), (7, 3));
        assert!(!usage.estimated);
    }

    #[test]
    fn an_answer_is_read_once() {
        let good = read_answer(br#" {"id":"x","usage":{"prompt_tokens":1,"completion_tokens":2}}"#);
        assert!(matches!(good, AnswerKind::Good(Some(usage)) if usage.output_tokens == 2));
        for other in [r#"{"usage":"much"}"#, r#"{"usage":{}}"#, r#"{"error":null}"#, "{}"] {
            assert_eq!(read_answer(other.as_bytes()), AnswerKind::Good(None), "{other}");
        }
        for error in [r#"{"error":{}}"#, r#"{"error":"x","usage":"y"}"#] {
            assert_eq!(read_answer(error.as_bytes()), AnswerKind::Error, "{error}");
        }
        for nonsense in ["", "<html>", "[]", "[null,null]", "\"x\"", "{} {}", "{\"a\":"] {
            assert_eq!(read_answer(nonsense.as_bytes()), AnswerKind::Nonsense, "{nonsense}");
        }
    }

    #[test]
    fn what_cannot_be_believed_is_no_report() {
        assert_eq!(answer_usage(br#"{"usage":null}"#), None);
        assert_eq!(answer_usage(br#"{"usage":{"prompt_tokens":-5}}"#), None);
        assert_eq!(answer_usage(br#"{"usage":{"prompt_tokens":99999999999999}}"#), None);
        assert_eq!(answer_usage(b"<html>"), None);
        assert_eq!(frame_usage(br#"{"choices":[]}"#), None);
    }
}
