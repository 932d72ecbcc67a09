//! What one event of a completions stream is.
//!
//! It must never take a text for an empty one.

use serde::Deserialize;
use serde::de::IgnoredAny;

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
    text: std::borrow::Cow<'a, str>,
    #[serde(default)]
    finish_reason: Option<IgnoredAny>,
}

/// Empty texts alone: nothing that a reader could have seen.
pub(super) fn is_start_up(data: &[u8]) -> bool {
    let chunk: Result<Chunk<'_>, _> = serde_json::from_slice(data);
    let empty = |choice: &Choice<'_>| choice.text.is_empty() && choice.finish_reason.is_none();
    chunk.is_ok_and(|chunk| chunk.usage.is_none() && chunk.choices.iter().all(empty))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data: &str, expect: bool) {
        assert_eq!(is_start_up(data.as_bytes()), expect, "{data}");
    }

    #[test]
    fn an_empty_text_is_a_start_up_and_nothing_else_is() {
        check(r#"{"choices":[{"index":0,"text":"","finish_reason":null}]}"#, true);
        check(r#"{"choices":[]}"#, true);
        check(r#"{"choices":[{"text":" "}]}"#, false);
        check(r#"{"choices":[{"text":"","finish_reason":"stop"}]}"#, false);
        check(r#"{"choices":[{"delta":{}}]}"#, false);
        check(r#"{"choices":[],"usage":{}}"#, false);
        check("[DONE]", false);
    }
}
