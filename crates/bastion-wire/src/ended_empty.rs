//! Was a whole answer ended by its limit before it had any text? Thinking may take all of it.
//!
//! It must never be asked of every answer: it reads the whole body, and few come to their limit.

use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Whole<'a> {
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
    incomplete_details: Option<Incomplete>,
    output: Vec<Item<'a>>,
}

/// Of chat and of completions.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Choice<'a> {
    finish_reason: Option<String>,
    #[serde(borrow)]
    message: Option<Message<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<Vec<&'a serde_json::value::RawValue>>,
    audio: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

/// Of responses.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Item<'a> {
    r#type: Option<String>,
    #[serde(borrow)]
    content: Vec<Part<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

/// As it stands in the body, with its quotation marks.
type Text<'a> = &'a serde_json::value::RawValue;

/// An answer of several choices counts as soon as one of them is so.
pub fn is_ended_empty(body: &[u8]) -> bool {
    let Ok(whole) = serde_json::from_slice::<Whole<'_>>(body) else { return false };
    let cut = |choice: &Choice<'_>| choice.finish_reason.as_deref() == Some("length");
    if whole.choices.iter().any(|choice| cut(choice) && !choice.says_something()) {
        return true;
    }
    let reason = whole.incomplete_details.and_then(|details| details.reason);
    reason.as_deref() == Some("max_output_tokens") && !whole.output.iter().any(Item::says_something)
}

/// Is there anything but an empty text?
fn is_text(text: Option<Text<'_>>) -> bool {
    text.is_some_and(|text| text.get() != "\"\"")
}

impl Choice<'_> {
    fn says_something(&self) -> bool {
        let spoken = self.message.as_ref().is_some_and(Message::says_something);
        spoken || is_text(self.text)
    }
}

impl Message<'_> {
    fn says_something(&self) -> bool {
        let calls = self.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty());
        is_text(self.content) || calls || self.audio.is_some()
    }
}

impl Item<'_> {
    /// Thinking says nothing to the caller; a call of a tool does.
    fn says_something(&self) -> bool {
        match self.r#type.as_deref() {
            Some("reasoning") => false,
            Some("message") => self.content.iter().any(|part| is_text(part.text)),
            Some(_) | None => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expect: bool) {
        assert_eq!(is_ended_empty(body.as_bytes()), expect, "{body}");
    }

    #[test]
    fn an_answer_that_its_limit_ended_before_any_text_is_seen() {
        let chat = |reason: &str, message: &str| {
            format!(r#"{{"choices":[{{"finish_reason":"{reason}","message":{message}}}]}}"#)
        };
        check(&chat("length", r#"{"role":"assistant","content":""}"#), true);
        check(&chat("length", r#"{"content":null,"reasoning_content":"hm"}"#), true);
        check(&chat("length", r#"{"content":"a"}"#), false);
        check(&chat("length", r#"{"content":null,"tool_calls":[{"id":"x"}]}"#), false);
        check(&chat("length", r#"{"content":null,"tool_calls":[]}"#), true);
        check(&chat("stop", r#"{"content":""}"#), false);
        check(r#"{"choices":[{"finish_reason":"length","text":""}]}"#, true);
        check(r#"{"choices":[{"finish_reason":"length","text":"a"}]}"#, false);
        check(
            r#"{"choices":[{"finish_reason":"stop","text":"a"},{"finish_reason":"length","text":""}]}"#,
            true,
        );
        check("{}", false);
        check("<html>", false);
    }

    #[test]
    fn a_response_that_its_limit_ended_before_any_text_is_seen() {
        let response = |reason: &str, output: &str| {
            format!(r#"{{"incomplete_details":{{"reason":"{reason}"}},"output":[{output}]}}"#)
        };
        let thinking = r#"{"type":"reasoning","content":[{"type":"reasoning_text","text":"hm"}]}"#;
        let said = r#"{"type":"message","content":[{"type":"output_text","text":"a"}]}"#;
        let unsaid = r#"{"type":"message","content":[{"type":"output_text","text":""}]}"#;
        check(&response("max_output_tokens", ""), true);
        check(&response("max_output_tokens", thinking), true);
        check(&response("max_output_tokens", &format!("{thinking},{unsaid}")), true);
        check(&response("max_output_tokens", &format!("{thinking},{said}")), false);
        check(&response("max_output_tokens", r#"{"type":"function_call"}"#), false);
        check(&response("content_filter", ""), false);
        check(r#"{"incomplete_details":null,"output":[]}"#, false);
    }
}
