//! What one event of a completions stream is.
//!
//! It must never take a text for an empty one.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::content::Content;

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
    text: &'a RawValue,
    #[serde(default)]
    finish_reason: Option<IgnoredAny>,
}

/// What it says; nothing for empty texts alone. All that is generated is text here.
pub(super) fn content(data: &[u8]) -> Option<Content> {
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
        return Some(Content::UNKNOWN);
    };
    let length = |choice: &Choice<'_>| choice.text.get().trim_matches('"').len();
    let bytes = chunk.choices.iter().map(length).sum();
    let says_more =
        chunk.usage.is_some() || chunk.choices.iter().any(|c| c.finish_reason.is_some());
    (bytes > 0 || says_more).then_some(Content { bytes: Some(bytes), shows_all: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(data: &str, expect: bool) {
        assert_eq!(content(data.as_bytes()).is_none(), expect, "{data}");
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

    #[test]
    fn only_the_texts_count() {
        let data = br#"{"id":"x","choices":[{"text":"four"},{"text":"a\n"}]}"#;
        assert_eq!(content(data), Some(Content { bytes: Some(7), shows_all: true }));
    }
}
