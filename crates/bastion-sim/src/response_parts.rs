//! A response and its parts, as JSON. Source: OpenAI's reference, the response object.
//!
//! It must never hold what was asked, only how it was answered.

use serde_json::{Value, json};

use crate::completion::{Choice, Completion};
use crate::text::CREATED_S;
use crate::text_request::TextRequest;

/// A response, whole or under way.
pub(crate) struct Parts<'a> {
    request: &'a TextRequest,
    completion: &'a Completion,
}

/// One item of the output, of one part each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    Reasoning,
    Message,
}

impl<'a> Parts<'a> {
    pub(crate) fn of(request: &'a TextRequest, completion: &'a Completion) -> Parts<'a> {
        Parts { request, completion }
    }

    /// The one choice.
    pub(crate) fn choices(&self) -> &'a [Choice] {
        self.completion.choices.get(..1).unwrap_or_default()
    }

    /// The output's items, in order.
    pub(crate) fn items(&self) -> Vec<Item> {
        if self.request.thinks { vec![Item::Reasoning, Item::Message] } else { vec![Item::Message] }
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.choices().iter().any(|choice| choice.finish_reason == "length")
    }

    pub(crate) fn text(&self, item: Item) -> &'a str {
        let choice = self.choices().first();
        choice.map(|choice| item.text(choice)).unwrap_or_default()
    }

    pub(crate) fn item_id(&self, item: Item) -> String {
        let prefix = if item == Item::Reasoning { "rs" } else { "msg" };
        format!("{prefix}_{}", self.completion.id)
    }

    /// A part of content with this text.
    pub(crate) fn part(item: Item, text: &str) -> Value {
        match item {
            Item::Reasoning => json!({ "type": "reasoning_text", "text": text }),
            Item::Message => {
                json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
            }
        }
    }

    /// An item that has begun.
    pub(crate) fn begun(&self, item: Item) -> Value {
        self.item(item, "in_progress", json!([]))
    }

    /// An item that is over.
    pub(crate) fn ended(&self, item: Item) -> Value {
        let status = if self.is_cut() { "incomplete" } else { "completed" };
        self.item(item, status, json!([Parts::part(item, self.text(item))]))
    }

    fn item(&self, item: Item, status: &str, content: Value) -> Value {
        let id = self.item_id(item);
        match item {
            Item::Reasoning => json!({
                "id": id, "type": "reasoning", "summary": [], "content": content, "status": status,
            }),
            Item::Message => json!({
                "id": id, "type": "message", "role": "assistant", "status": status,
                "content": content,
            }),
        }
    }

    /// The response before anything of its output.
    pub(crate) fn started(&self) -> Value {
        self.response("in_progress", Vec::new(), Value::Null)
    }

    /// The response at its end.
    pub(crate) fn whole(&self) -> Value {
        let usage = &self.completion.usage;
        let usage = json!({
            "input_tokens": usage.prompt_tokens,
            "input_tokens_details": { "cached_tokens": usage.prompt_tokens_details.cached_tokens },
            "output_tokens": usage.completion_tokens,
            "output_tokens_details": {
                "reasoning_tokens": usage.completion_tokens_details.reasoning_tokens,
            },
            "total_tokens": usage.total_tokens,
        });
        let items = self.items().into_iter().map(|item| self.ended(item)).collect();
        let status = if self.is_cut() { "incomplete" } else { "completed" };
        self.response(status, items, usage)
    }

    fn response(&self, status: &str, output: Vec<Value>, usage: Value) -> Value {
        let cut = (status == "incomplete").then(|| json!({ "reason": "max_output_tokens" }));
        json!({
            "id": format!("resp_{}", self.completion.id),
            "object": "response",
            "created_at": CREATED_S,
            "status": status,
            "background": false,
            "error": null,
            "incomplete_details": cut,
            "instructions": null,
            "max_output_tokens": self.request.max_tokens,
            "metadata": { "simulated": "true" },
            "model": self.request.model,
            "output": output,
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "reasoning": { "effort": null, "summary": null },
            "store": false,
            "temperature": 1.0,
            "text": { "format": { "type": "text" } },
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": usage,
        })
    }
}

impl Item {
    /// What a choice says in it.
    pub(crate) fn text(self, choice: &Choice) -> &str {
        match self {
            Item::Reasoning => choice.reasoning.as_deref().unwrap_or_default(),
            Item::Message => &choice.content,
        }
    }

    /// Its events are called so.
    pub(crate) fn event(self) -> &'static str {
        match self {
            Item::Reasoning => "response.reasoning_text",
            Item::Message => "response.output_text",
        }
    }
}
