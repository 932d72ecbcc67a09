//! How much of an answer was handed on, and how many tokens that makes where nobody says it.
//!
//! It must never take the form of an event for what it says. ADR 0011.

use bastion_types::Usage;
use bastion_wire::Run;

use crate::path::dispatch::FirstContent;

/// No `[DONE]` is longer, as a frame.
const MAX_DONE_BYTES: usize = 24;

/// What was handed on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// All of it, in bytes.
    pub(crate) bytes: u64,
    /// The model's thinking is part of it, word for word.
    pub(crate) shows_thinking: bool,
    /// Of a stream: events that are still to come before one that says something.
    start_ups: usize,
    /// Its events behind those, comments and `[DONE]` left out.
    events: u64,
    /// Of these: bytes beyond the form of the first one with content.
    content_bytes: u64,
    form_bytes: usize,
}

impl Passed {
    /// An answer that went on as a whole, or audio.
    pub(super) fn whole(bytes: u64) -> Passed {
        Passed { bytes, ..Passed::default() }
    }

    /// Nothing yet, of a stream that begins so.
    pub(super) fn stream(first: &FirstContent) -> Passed {
        Passed {
            shows_thinking: first.is_thinking,
            start_ups: first.start_ups,
            form_bytes: first.form_bytes,
            ..Passed::default()
        }
    }

    /// Counts what goes on: these events, and so many bytes.
    pub(super) fn add(&mut self, run: &Run, bytes: usize) {
        self.bytes = self.bytes.saturating_add(counted(bytes));
        for frame in run.frames() {
            let bytes = frame.bytes();
            let is_done = bytes.len() < MAX_DONE_BYTES && frame.is_done();
            if is_done || bytes.starts_with(b":") {
                continue;
            }
            if self.start_ups > 0 {
                self.start_ups -= 1;
                continue;
            }
            let content = bytes.len().saturating_sub(self.form_bytes);
            self.events = self.events.saturating_add(1);
            self.content_bytes = self.content_bytes.saturating_add(counted(content));
        }
    }

    /// The tokens that it makes: an event is at least one.
    pub(crate) fn tokens(&self) -> u64 {
        if self.events == 0 {
            return self.bytes.div_ceil(Usage::BYTES_PER_TOKEN);
        }
        self.content_bytes.div_ceil(Usage::BYTES_PER_TOKEN).max(self.events)
    }
}

fn counted(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use bastion_wire::{Dialect, FrameReader};

    use super::*;

    /// What is estimated for a chat's deltas, each an event of its own.
    fn tokens(deltas: &[&str], more: &str) -> u64 {
        let event = |text: &&str| {
            let id = "chatcmpl-0123456789abcdef0123456789abcdef";
            format!(
                "data: {{\"id\":\"{id}\",\"object\":\"chat.completion.chunk\",\"created\":1,\
                 \"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\
                 \"finish_reason\":null}}]}}\n\n"
            )
        };
        let text: String = deltas.iter().map(event).chain([more.to_owned()]).collect();
        let run = FrameReader::default().push(text.into()).unwrap().unwrap();
        let first = run.frames().next().unwrap();
        let content = Dialect::Chat.content(first).unwrap();
        let form_bytes = first.bytes().len() - content.bytes;
        let mut passed = Passed::stream(&FirstContent { form_bytes, ..FirstContent::default() });
        passed.add(&run, run.bytes.len());
        passed.tokens()
    }

    #[test]
    fn an_event_is_a_token_unless_it_says_more() {
        assert_eq!(tokens(&["a"; 100], ""), 100);
        assert_eq!(tokens(&["four"; 100], ""), 100);
        assert_eq!(tokens(&["four"; 100], ": alive\n\n: alive\n\ndata: [DONE]\n\n"), 100);
        let hundred = "four".repeat(100);
        assert_eq!(tokens(&[hundred.as_str(); 10], ""), 1000);
        assert_eq!(tokens(&["a", hundred.as_str()], ""), 101);
    }

    #[test]
    fn what_has_no_events_counts_by_its_bytes() {
        assert_eq!(Passed::default().tokens(), 0);
        assert_eq!(Passed::whole(401).tokens(), 101);
        let mut unknown = Passed::stream(&FirstContent::default());
        let run = FrameReader::default().push("data: 12345678\n\n".into()).unwrap().unwrap();
        unknown.add(&run, run.bytes.len());
        assert_eq!((unknown.bytes, unknown.tokens()), (16, 4));
    }

    #[test]
    fn what_comes_before_the_first_word_is_no_token() {
        let first = FirstContent { start_ups: 2, form_bytes: 8, is_thinking: true };
        let mut passed = Passed::stream(&first);
        let mut reader = FrameReader::default();
        for event in ["a role", "another start-up", "four", "fourfour"] {
            let run = reader.push(format!("data: {event}\n\n").into()).unwrap().unwrap();
            passed.add(&run, run.bytes.len());
        }
        assert_eq!(passed.tokens(), 3);
        assert!(passed.shows_thinking);
    }
}
