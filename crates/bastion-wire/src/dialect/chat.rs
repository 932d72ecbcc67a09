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

/// The same in parts, beside it or alone.
const DETAILS: &str = "reasoning_details";

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
    /// What a reader could see of it: bytes, and whether they are thinking. A role and empty fields
    /// are nothing; thinking that is told twice counts once.
    fn said(&self) -> Vec<(usize, bool)> {
        let is_empty = |value: &RawValue| matches!(value.get(), "null" | "\"\"" | "[]" | "{}");
        let told = |name: &str| self.delta.get(name).copied().filter(|value| !is_empty(value));
        let thought = THINKING.iter().find_map(|name| told(name));
        let mut said: Vec<_> = thought.map(|value| (text(value), true)).into_iter().collect();
        for (name, value) in &self.delta {
            let is_told = THINKING.contains(&name.as_ref()) || name == "role" || is_empty(value);
            match name.as_ref() {
                _ if is_told => {}
                DETAILS if thought.is_some() => {}
                DETAILS => said.push(details(value)),
                "tool_calls" => said.push((calls(value), false)),
                _ => said.push((text(value), false)),
            }
        }
        said
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

/// A part of a list that mirrors thinking.
#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
}

/// What it says; nothing for a role and an empty delta.
pub(super) fn content(data: &[u8]) -> Option<Content> {
    let Ok(chunk) = serde_json::from_slice::<Chunk<'_>>(data) else {
        return Some(Content::UNKNOWN);
    };
    let mut said = Vec::new();
    for choice in &chunk.choices {
        said.extend(choice.said());
    }
    if said.is_empty() && chunk.usage.is_none() {
        chunk.choices.iter().find(|choice| choice.finish_reason.is_some())?;
    }
    Some(Content {
        bytes: Some(said.iter().map(|(length, _)| length).sum()),
        shows_all: !said.is_empty() && said.iter().all(|(_, is_thinking)| *is_thinking),
    })
}

/// Bytes of a text, without its quotes.
fn text(value: &RawValue) -> usize {
    value.get().trim_matches('"').len()
}

/// Of a tool's calls their names and arguments alone.
fn calls(value: &RawValue) -> usize {
    let Ok(calls) = serde_json::from_str::<Vec<ToolCall<'_>>>(value.get()) else {
        return text(value);
    };
    let parts = calls.iter().filter_map(|call| call.function.as_ref());
    parts.flat_map(|part| [part.name, part.arguments]).flatten().map(text).sum()
}

/// Bytes of thinking told in parts, and whether all of it is the thinking itself.
fn details(value: &RawValue) -> (usize, bool) {
    let Ok(parts) = serde_json::from_str::<Vec<Detail<'_>>>(value.get()) else {
        return (text(value), false);
    };
    let is_thinking = parts.iter().all(|part| part.kind == "reasoning.text");
    (parts.iter().filter_map(|part| part.text).map(text).sum(), is_thinking)
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
        let check = |delta: &str, bytes: usize, shows_all: bool| {
            let data = format!(r#"{{"id":"x","choices":[{{"index":0,"delta":{{{delta}}}}}]}}"#);
            let expect = Content { bytes: Some(bytes), shows_all };
            assert_eq!(content(data.as_bytes()), Some(expect), "{delta}");
        };
        check(r#""role":"assistant","content":"four""#, 4, false);
        check(r#""content":null,"reasoning_content":"hm""#, 2, true);
        check(r#""reasoning":"hm","content":"so""#, 4, false);
        check(r#""tool_calls":[{"index":0,"function":{"arguments":"{a"}}]"#, 2, false);
        let call = r#"{"index":0,"id":"call_1","function":{"name":"get","arguments":""}}"#;
        check(&format!(r#""tool_calls":[{call},{call}]"#), 6, false);
        check(r#""audio":{"id":"a"}"#, 10, false);
        check(r#""reasoning":"hm","reasoning_content":"hm""#, 2, true);
        let detail =
            |kind: &str| format!(r#""reasoning_details":[{{"type":"{kind}","text":"hm"}}]"#);
        check(&format!(r#""content":"","reasoning":"hm",{}"#, detail("reasoning.text")), 2, true);
        check(&detail("reasoning.text"), 2, true);
        check(&detail("reasoning.summary"), 2, false);
        check(r#""reasoning_details":"odd""#, 3, false);
        let end = br#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
        assert_eq!(content(end), Some(Content { bytes: Some(0), shows_all: false }));
        assert_eq!(content(b"what?"), Some(Content::UNKNOWN));
    }

    #[test]
    fn what_is_not_known_is_not_held_back() {
        for data in ["{}", "[DONE]", "x", r#"{"type":"other"}"#, r#"{"choices":[{"text":""}]}"#] {
            start_up(data, false);
        }
    }
}
