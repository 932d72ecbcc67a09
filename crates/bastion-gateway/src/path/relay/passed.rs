//! How much of an answer was handed on, and how many tokens that makes where nobody says it.
//!
//! It must never take the form of an event for what it says. ADR 0011.

use bastion_types::Usage;
use bastion_wire::{Content, Dialect, Frame, Run};

/// What was handed on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Passed {
    /// All of it, in bytes.
    pub(crate) bytes: u64,
    /// What the model writes is shown word for word, its thinking included.
    pub(crate) shows_all: bool,
    /// Of a stream: what it is counted by.
    pieces: Option<Pieces>,
}

/// The pieces of a stream's text.
#[derive(Debug, Clone, Copy)]
struct Pieces {
    dialect: Dialect,
    /// How long an event is beside its text, in bytes: learnt from the first piece.
    form_bytes: Option<usize>,
    count: u64,
    /// What they say, in bytes.
    said_bytes: u64,
}

impl Passed {
    /// An answer that went on as a whole, or audio.
    pub(in crate::path) fn whole(bytes: u64) -> Passed {
        Passed { bytes, ..Passed::default() }
    }

    /// Nothing yet of a stream.
    pub(super) fn stream(dialect: Dialect) -> Passed {
        let pieces = Pieces { dialect, form_bytes: None, count: 0, said_bytes: 0 };
        Passed { pieces: Some(pieces), ..Passed::default() }
    }

    /// Counts what goes on: these events, and so many bytes.
    pub(super) fn add(&mut self, run: &Run, bytes: usize) {
        self.bytes = self.bytes.saturating_add(counted(bytes));
        let Some(pieces) = &mut self.pieces else { return };
        for frame in run.frames().filter_map(without_comments) {
            if pieces.dialect.may_be_a_piece(frame)
                && let Some(first) = pieces.add(frame)
            {
                self.shows_all = first.shows_all;
            }
        }
    }

    /// The tokens that it makes: a piece is at least one.
    pub(crate) fn tokens(&self) -> u64 {
        match self.pieces {
            None => self.bytes.div_ceil(Usage::BYTES_PER_TOKEN),
            Some(pieces) => pieces.said_bytes.div_ceil(Usage::BYTES_PER_TOKEN).max(pieces.count),
        }
    }
}

impl Pieces {
    /// Counts an event. Only until one has told the form of all is it read; that one is returned.
    fn add(&mut self, frame: Frame<'_>) -> Option<Content> {
        let length = frame.bytes().len();
        if let Some(form) = self.form_bytes {
            self.count_one(length.saturating_sub(form));
            return None;
        }
        let content = self.dialect.content(frame)?;
        // What has no known form may be text as a whole.
        self.count_one(content.bytes.unwrap_or(length));
        self.form_bytes = Some(length.saturating_sub(content.bytes?));
        Some(content)
    }

    fn count_one(&mut self, bytes: usize) {
        self.count = self.count.saturating_add(1);
        self.said_bytes = self.said_bytes.saturating_add(counted(bytes));
    }
}

/// The event without the comments before it; none where nothing else is there.
fn without_comments(frame: Frame<'_>) -> Option<Frame<'_>> {
    let mut rest = frame.bytes();
    while rest.starts_with(b":") {
        let end = rest.iter().position(|byte| b"\r\n".contains(byte))?;
        let line_ends = rest.get(end..)?.iter().take_while(|byte| b"\r\n".contains(byte)).count();
        rest = rest.get(end.saturating_add(line_ends)..)?;
    }
    (!rest.is_empty()).then(|| Frame::of(rest))
}

fn counted(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use bastion_wire::FrameReader;

    use super::*;

    fn passed(dialect: Dialect, text: &str) -> Passed {
        let run = FrameReader::default().push(text.to_owned().into()).unwrap().unwrap();
        let mut passed = Passed::stream(dialect);
        passed.add(&run, run.bytes.len());
        passed
    }

    fn delta(delta: &str) -> String {
        let id = "chatcmpl-0123456789abcdef0123456789abcdef";
        format!(
            "data: {{\"id\":\"{id}\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\
             \"choices\":[{{\"index\":0,\"delta\":{{{delta}}},\"finish_reason\":null}}]}}\n\n"
        )
    }

    fn word(text: &str) -> String {
        delta(&format!("\"content\":\"{text}\""))
    }

    fn chat(text: &str) -> u64 {
        passed(Dialect::Chat, text).tokens()
    }

    #[test]
    fn a_piece_is_a_token_unless_it_says_more() {
        assert_eq!(chat(&word("a").repeat(100)), 100);
        assert_eq!(chat(&word("four").repeat(100)), 100);
        let hundred = "four".repeat(100);
        assert_eq!(chat(&word(&hundred).repeat(10)), 1000);
        assert_eq!(chat(&[word("a"), word(&hundred)].concat()), 101);
    }

    #[test]
    fn what_says_nothing_is_no_token() {
        let role = delta("\"role\":\"assistant\",\"content\":\"\"");
        let comments = ": alive\n\n: alive\n\n".to_owned();
        let all =
            [&role, &comments, "event: ping\n\n", &word("four"), &comments, "data: [DONE]\n\n"];
        assert_eq!(chat(&all.concat()), 1);
        assert_eq!(chat(&role), 0);
        assert_eq!(Passed::default().tokens(), 0);
    }

    #[test]
    fn a_comment_before_an_event_is_no_part_of_it() {
        let beaten = format!("{}{}", ": heartbeat\n".repeat(25), word("four"));
        let long = word(&"four".repeat(50));
        assert_eq!(chat(&[beaten.clone(), long.clone()].concat()), 51);
        assert_eq!(chat(&[long, beaten].concat()), 51);
    }

    #[test]
    fn thinking_that_is_shown_is_known_by_the_first_piece() {
        let thinks = |delta_of: &str| passed(Dialect::Chat, &delta(delta_of)).shows_all;
        assert!(thinks("\"reasoning_content\":\"hm\""));
        assert!(!thinks("\"content\":\"so\""));
        let text = passed(Dialect::Completions, "data: {\"choices\":[{\"text\":\"so\"}]}\n\n");
        assert!(text.shows_all, "there is nothing else");
    }

    #[test]
    fn of_typed_events_only_the_pieces_count() {
        let event = |kind: &str, rest: &str| {
            format!("event: {kind}\ndata: {{\"type\":\"{kind}\",\"item_id\":\"i\"{rest}}}\n\n")
        };
        let piece = event("response.output_text.delta", ",\"delta\":\"four\"");
        let whole = ",\"text\":\"".to_owned() + &"four".repeat(1000) + "\"";
        let all = [
            event("response.created", &whole),
            event("response.output_item.done", &whole),
            piece.repeat(100),
            event("response.output_text.done", &whole),
            event("response.completed", &whole),
        ];
        assert_eq!(passed(Dialect::Responses, &all.concat()).tokens(), 100);
        let nameless = piece.replace("event: response.output_text.delta\n", "");
        assert_eq!(passed(Dialect::Responses, &nameless.repeat(100)).tokens(), 100);
    }

    #[test]
    fn what_has_no_known_form_counts_by_its_bytes() {
        assert_eq!(Passed::whole(401).tokens(), 101);
        assert_eq!(chat("data: 12345678\n\n"), 4);
    }
}
