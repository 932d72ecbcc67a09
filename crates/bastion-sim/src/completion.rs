//! The choices of a text answer: reasoning, text, how each ended, what all used.
//!
//! It must never be longer than the request allows.

use std::time::Duration;

use serde::Serialize;

use crate::dice::Dice;
use crate::house::House;
use crate::text::{cut_to, tokens, written};
use crate::text_request::{Format, TextRequest};

/// `usage` of chat and completions. Source: OpenAI's reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct TextUsage {
    pub(crate) prompt_tokens: u64,
    pub(crate) completion_tokens: u64,
    pub(crate) total_tokens: u64,
    pub(crate) prompt_tokens_details: PromptDetails,
    pub(crate) completion_tokens_details: CompletionDetails,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct PromptDetails {
    pub(crate) cached_tokens: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct CompletionDetails {
    pub(crate) reasoning_tokens: u64,
}

/// In the events of a stream whose usage was asked for: null on every one but the last. Else the
/// field is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum UsageField {
    NotYet(()),
    Whole(TextUsage),
}

#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) index: u64,
    /// None for models that do not reason.
    pub(crate) reasoning: Option<String>,
    pub(crate) content: String,
    pub(crate) finish_reason: &'static str,
}

pub(crate) struct Completion {
    /// The same for the same seed and body; behind a prefix of the endpoint's.
    pub(crate) id: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) usage: TextUsage,
}

impl Completion {
    /// What an unstreamed answer waits before its head: it is told before it is sent.
    pub(crate) fn head_wait(&self, house: &House) -> Duration {
        let count = u32::try_from(self.usage.completion_tokens).unwrap_or(u32::MAX);
        house.pace.first_token().saturating_add(house.pace.per_token().saturating_mul(count))
    }

    pub(crate) fn of(request: &TextRequest, body: &[u8], house: &House) -> Completion {
        let dice = Dice::new(house.seed, body);
        let choices: Vec<_> = (0..request.choices)
            .map(|index| choice(index, &mut dice.part(index), request, house))
            .collect();
        let id = format!("sim-{:016x}", dice.part(request.choices).roll());
        let usage = usage(request, &choices);
        Completion { id, choices, usage }
    }
}

fn choice(index: u64, dice: &mut Dice, request: &TextRequest, house: &House) -> Choice {
    let most = request.max_tokens.unwrap_or(u64::MAX);
    let thought = request.thinks.then(|| thought(dice, request, house));
    let reasoning = thought.as_deref().map(|thought| cut_to(thought, most));
    let left = most.saturating_sub(reasoning.map_or(0, tokens));
    let text = text(dice, request, house);
    let content = cut_to(&text, left);
    let is_whole = content.len() == text.len() && reasoning == thought.as_deref();
    Choice {
        index,
        reasoning: reasoning.map(str::to_owned),
        content: content.to_owned(),
        finish_reason: if is_whole { "stop" } else { "length" },
    }
}

/// Half as long as an answer.
fn thought(dice: &mut Dice, request: &TextRequest, house: &House) -> String {
    let words = house.answer_words.start() / 2..=house.answer_words.end() / 2;
    let opening = format!("This is simulated reasoning, {} bytes in.", request.prompt.bytes);
    written(dice, &words, &opening)
}

fn text(dice: &mut Dice, request: &TextRequest, house: &House) -> String {
    let opening =
        format!("This is a simulated answer to a prompt of {} bytes.", request.prompt.bytes);
    let text = written(dice, &house.answer_words, &opening);
    match request.format {
        Format::Text => text,
        Format::Json => serde_json::json!({ "simulated": true, "text": text }).to_string(),
    }
}

fn usage(request: &TextRequest, choices: &[Choice]) -> TextUsage {
    let reasoning_tokens = choices.iter().filter_map(|one| one.reasoning.as_deref()).map(tokens);
    let reasoning_tokens = reasoning_tokens.fold(0, u64::saturating_add);
    let completion_tokens =
        choices.iter().map(|one| tokens(&one.content)).fold(reasoning_tokens, u64::saturating_add);
    TextUsage {
        prompt_tokens: request.prompt.tokens,
        completion_tokens,
        total_tokens: request.prompt.tokens.saturating_add(completion_tokens),
        prompt_tokens_details: PromptDetails { cached_tokens: request.prompt.cached_tokens() },
        completion_tokens_details: CompletionDetails { reasoning_tokens },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SimOptions;
    use crate::chat_request::read_chat;

    fn completion(seed: u64, body: &str) -> Completion {
        let house = House::new(SimOptions { seed, ..SimOptions::default() });
        Completion::of(&read_chat(body.as_bytes()).unwrap(), body.as_bytes(), &house)
    }

    #[test]
    fn a_limit_cuts_the_reasoning_first_and_says_length() {
        for most in 1..60 {
            let body = format!(
                r#"{{"model":"gpt-oss-20b","messages":[{{"content":"x"}}],"n":2,"max_tokens":{most}}}"#
            );
            let completion = completion(1, &body);
            assert!(completion.usage.completion_tokens <= 2 * most);
            for choice in &completion.choices {
                let used = tokens(choice.reasoning.as_deref().unwrap()) + tokens(&choice.content);
                assert!(used <= most);
                assert!(choice.finish_reason == "length" || used < most + 1);
            }
        }
        let one = completion(
            1,
            r#"{"model":"gpt-oss-20b","messages":[{"content":"x"}],"max_completion_tokens":1}"#,
        );
        assert_eq!(one.choices[0].reasoning.as_deref(), Some("This"));
        assert_eq!((one.choices[0].content.as_str(), one.choices[0].finish_reason), ("", "length"));
    }

    #[test]
    fn choices_differ_and_json_is_json() {
        let two = completion(1, r#"{"model":"Qwen3-32B","messages":[{"content":"x"}],"n":2}"#);
        assert_ne!(two.choices[0].content, two.choices[1].content);
        assert!(two.choices[0].reasoning.is_none());
        let json = completion(
            1,
            r#"{"model":"Qwen3-32B","messages":[{"content":"x"}],"response_format":{"type":"json_object"}}"#,
        );
        let text: serde_json::Value = serde_json::from_str(&json.choices[0].content).unwrap();
        assert_eq!(text["simulated"], true);
    }
}
