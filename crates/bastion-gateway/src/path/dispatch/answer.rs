//! A good answer, as far as an attempt waits for it.
//!
//! It must never stand for a cut one.

use bastion_observe::AttemptOutcome;
use bastion_wire::{FrameReader, Run};
use bytes::Bytes;
use http::response::Parts;

use crate::pool::UpstreamBody;

/// A good answer's begin.
pub(crate) enum Answer {
    /// All of it.
    Whole(WholeAnswer),
    /// A stream, open at its first whole frame.
    Stream(Box<OpenStream>),
}

/// An unstreamed answer.
pub(crate) struct WholeAnswer {
    /// Status and headers.
    pub(crate) head: Parts,
    /// The body.
    pub(crate) body: Bytes,
}

/// A stream whose first frames have come.
pub(crate) struct OpenStream {
    /// Status and headers.
    pub(crate) head: Parts,
    /// The first whole frames.
    pub(crate) first: Run,
    /// What finds the next ones.
    pub(crate) reader: FrameReader,
    /// Where they come from.
    pub(crate) body: UpstreamBody,
    /// The upstream ended its body with the first frames.
    pub(crate) ended: bool,
}

impl Answer {
    /// What this attempt counts as.
    pub(super) fn counts_as(&self) -> AttemptOutcome {
        match self {
            Answer::Whole(whole) if !whole.head.status.is_success() => AttemptOutcome::Refused,
            Answer::Whole(_) | Answer::Stream(_) => AttemptOutcome::Answered,
        }
    }
}
