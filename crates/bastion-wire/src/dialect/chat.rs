//! What one event of a chat stream is.
//!
//! It must never take an unknown delta for an empty one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

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

/// A role, an empty delta: nothing that a reader could have seen.
pub(super) fn is_start_up(data: &[u8]) -> bool {
    let chunk: Result<Chunk<'_>, _> = serde_json::from_slice(data);
    chunk.is_ok_and(|chunk| chunk.usage.is_none() && chunk.choices.iter().all(Choice::is_empty))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start_up(data: &str, expect: bool) {
        assert_eq!(is_start_up(data.as_bytes()), expect, "{data}");
    }

    #[test]
    fn a_role_or_an_empty_delta_is_a_start_up() {
        start_up(r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#, true);
        start_up(r#"{"choices":[{"delta":{"content":null,"tool_calls":[]}}],"usage":null}"#, true);
        start_up(r#"{"choices":[],"prompt_filter_results":[]}"#, true);
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
}
