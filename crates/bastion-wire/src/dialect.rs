//! The three languages of streams: what an event of each is. One file each.
//!
//! It must never take for a start-up what it does not know: only what is surely empty is held back.

mod chat;
mod chunks;
mod completions;
mod responses;

use bastion_types::Usage;

use crate::content::Content;
use crate::envelope::ErrorPlace;
use crate::judge_body::is_error_frame;
use crate::sse::{Frame, Run};

/// What the events of a stream are written in. Source: contract, Streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Chunks with deltas, `[DONE]` last.
    Chat,
    /// Chunks with text, `[DONE]` last.
    Completions,
    /// Typed events, one of three last.
    Responses,
}

impl Dialect {
    /// What a reader could have seen of this frame; nothing where it comes before any content: a
    /// comment, a role, an empty text. An attempt that fails behind such frames alone can be made
    /// again unseen. Content is text, reasoning, a tool call, audio. Source: architecture, The path
    /// of a call.
    pub fn content(self, frame: Frame<'_>) -> Option<Content> {
        let data = frame.data()?;
        match self {
            Dialect::Chat => chat::content(&data),
            Dialect::Completions => completions::content(&data),
            Dialect::Responses => responses::content(&data),
        }
    }

    /// May this frame hold a piece of text? Where events are typed the last ones of a part say all of
    /// it again.
    pub fn may_be_a_piece(self, frame: Frame<'_>) -> bool {
        match self {
            Dialect::Chat | Dialect::Completions => !frame.is_done(),
            Dialect::Responses => responses::is_delta(frame),
        }
    }

    /// Is this the terminal event?
    pub fn is_end(self, frame: Frame<'_>) -> bool {
        match self {
            Dialect::Chat | Dialect::Completions => frame.is_done(),
            Dialect::Responses => responses::is_end(frame),
        }
    }

    /// Is this frame an error: by its event's name, or by what its data hold?
    pub fn is_error(self, frame: Frame<'_>) -> bool {
        is_error_frame(frame) || (self == Dialect::Responses && responses::is_error(frame))
    }

    /// What an error event of ours is, behind the events that were `passed` last.
    pub fn error_place(self, passed: &[u8]) -> ErrorPlace {
        match self {
            Dialect::Chat | Dialect::Completions => ErrorPlace::Chunks,
            Dialect::Responses => {
                ErrorPlace::TypedEvents { sequence_number: responses::next_number(passed) }
            }
        }
    }

    /// Is this frame the one that `include_usage` adds: usage, and nothing else?
    pub fn is_usage_alone(self, frame: Frame<'_>) -> bool {
        match self {
            Dialect::Chat | Dialect::Completions => chunks::is_usage_alone(frame),
            Dialect::Responses => false,
        }
    }

    /// The usage in the data of one event.
    pub fn usage(self, data: &[u8]) -> Option<Usage> {
        match self {
            Dialect::Chat | Dialect::Completions => chunks::usage(data),
            Dialect::Responses => responses::usage(data),
        }
    }

    /// The frames that may be more than text, with their numbers: an error, a usage that is not
    /// null, the end. A quick look that errs in one direction only, so that most frames need no
    /// reading.
    pub fn notable_frames(self, run: &Run) -> Vec<(usize, Frame<'_>)> {
        match self {
            Dialect::Chat | Dialect::Completions => chunks::notable_frames(run),
            Dialect::Responses => responses::notable_frames(run),
        }
    }
}
