//! What one event of a chat stream is.
//!
//! It must never take an unknown delta for an empty one.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::content::Content;

/// By which a delta shows what the model thinks.
const THINKING: [&str; 2] = ["reasoning_content", "reasoning"];

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
    /// A role and empty fields are nothing that a reader could have seen.
    fn seen(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        let is_empty = |value: &RawValue| matches!(value.get(), "null" | "\"\"" | "[]" | "{}");
        let all = self.delta.iter().map(|(name, value)| (name.as_ref(), *value));
        all.filter(move |(name, value)| *name != "role" && !is_empty(value))
    }
}

#[derive(Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
}

/// What it says; nothing for a role and an empty delta.
pub(super) fn content(data: &[u8]) -> Option<Content> {
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
        return Some(Content::of_unknown_form(data));
    };
    let mut seen = chunk.choices.iter().flat_map(Choice::seen).peekable();
    let is_silent = seen.peek().is_none();
    if is_silent && chunk.usage.is_none() {
        chunk.choices.iter().find(|choice| choice.finish_reason.is_some())?;
    }
    let mut content = Content { bytes: 0, is_thinking: !is_silent };
    for (name, value) in seen {
        content.bytes = content.bytes.saturating_add(length(name, value));
        content.is_thinking &= THINKING.contains(&name);
    }
    Some(content)
}

/// Bytes of what a field says: of a tool's call its name and arguments alone.
fn length(name: &str, value: &RawValue) -> usize {
    let text = |value: &RawValue| value.get().trim_matches('"').len();
    if name != "tool_calls" {
        return text(value);
    }
    let Ok(calls) = serde_json::from_str::<Vec<ToolCall<'_>>>(value.get()) else {
        return text(value);
    };
    let parts = calls.iter().filter_map(|call| call.function.as_ref());
    parts.flat_map(|part| [part.name, part.arguments]).flatten().map(text).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start_up(data: &str, expect: bool) {
        assert_eq!(content(data.as_bytes()).is_none(), expect, "{data}");
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
    fn only_what_is_said_counts() {
        let check = |delta: &str, bytes: usize, is_thinking: bool| {
            let data = format!(r#"{{"id":"x","choices":[{{"index":0,"delta":{{{delta}}}}}]}}"#);
            let expect = Content { bytes, is_thinking };
            assert_eq!(content(data.as_bytes()), Some(expect), "{delta}");
        };
        check(r#""role":"assistant","content":"four""#, 4, false);
        check(r#""content":null,"reasoning_content":"hm""#, 2, true);
        check(r#""reasoning":"hm","content":"so""#, 4, false);
        check(r#""tool_calls":[{"index":0,"function":{"arguments":"{a"}}]"#, 2, false);
        let call = r#"{"index":0,"id":"call_1","function":{"name":"get","arguments":""}}"#;
        check(&format!(r#""tool_calls":[{call},{call}]"#), 6, false);
        check(r#""audio":{"id":"a"}"#, 10, false);
        let end = br#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
        assert_eq!(content(end), Some(Content { bytes: 0, is_thinking: false }));
        assert_eq!(content(b"what?"), Some(Content { bytes: 5, is_thinking: false }));
    }

    #[test]
    fn what_is_not_known_is_not_held_back() {
        for data in ["{}", "[DONE]", "x", r#"{"type":"other"}"#, r#"{"choices":[{"text":""}]}"#] {
            start_up(data, false);
        }
    }
}
