//! A response as typed events, numbered from 0. Source: OpenAI's reference, streaming.
//!
//! It must never end with `[DONE]`: the last event says by its type that it is the last.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Pace;
use crate::answer::TimedEvent;
use crate::response_parts::{Item, Parts};
use crate::telling::told_in_turn;

/// `response.created`, `response.in_progress`, each item with its text word by word, the whole.
pub(crate) fn events(parts: &Parts<'_>, pace: Pace) -> Vec<TimedEvent> {
    let mut writer = Writer { events: Vec::new() };
    let zero = Duration::ZERO;
    writer.event(pace.first_token(), "response.created", json!({ "response": parts.started() }));
    writer.event(zero, "response.in_progress", json!({ "response": parts.started() }));
    for (index, item) in (0_u64..).zip(parts.items()) {
        writer.item(parts, item, (index, pace));
    }
    let last = if parts.is_cut() { "response.incomplete" } else { "response.completed" };
    writer.event(zero, last, json!({ "response": parts.whole() }));
    writer.events
}

struct Writer {
    events: Vec<TimedEvent>,
}

impl Writer {
    fn item(&mut self, parts: &Parts<'_>, item: Item, (index, pace): (u64, Pace)) {
        let zero = Duration::ZERO;
        let id = parts.item_id(item);
        let whole = |item: Value| json!({ "output_index": index, "item": item });
        let inside = |name: &str, value: Value| {
            let mut fields = json!({ "item_id": id, "output_index": index, "content_index": 0 });
            insert(&mut fields, name, value);
            fields
        };
        self.event(zero, "response.output_item.added", whole(parts.begun(item)));
        let empty = Parts::part(item, "");
        self.event(zero, "response.content_part.added", inside("part", empty));
        let delta = format!("{}.delta", item.event());
        for (wait, _, word) in told_in_turn(parts.choices(), pace, |choice| item.text(choice)) {
            let mut fields = inside("delta", word.into());
            told_without_odds(&mut fields, item);
            self.event(wait, &delta, fields);
        }
        let text = parts.text(item);
        let mut fields = inside("text", text.into());
        told_without_odds(&mut fields, item);
        self.event(zero, &format!("{}.done", item.event()), fields);
        self.event(zero, "response.content_part.done", inside("part", Parts::part(item, text)));
        self.event(zero, "response.output_item.done", whole(parts.ended(item)));
    }

    fn event(&mut self, wait: Duration, name: &str, fields: Value) {
        let mut data = json!({ "type": name, "sequence_number": self.events.len() });
        if let (Value::Object(data), Value::Object(fields)) = (&mut data, fields) {
            data.extend(fields);
        }
        self.events.push(TimedEvent::named(wait, name, data.to_string().as_bytes()));
    }
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(object) = object {
        object.insert(name.to_owned(), value);
    }
}

/// Text events carry `logprobs`, those of reasoning do not.
fn told_without_odds(fields: &mut Value, item: Item) {
    if item == Item::Message {
        insert(fields, "logprobs", json!([]));
    }
}
