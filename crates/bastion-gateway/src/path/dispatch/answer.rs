//! A good answer, as far as an attempt waits for it.
//!
//! It must never stand for a cut one.

use std::time::Duration;

use bastion_observe::AttemptOutcome;
use bastion_types::Usage;
use bastion_wire::{Dialect, FrameReader, Run};
use bytes::Bytes;
use http::HeaderMap;
use http::response::Parts;

use crate::pool::UpstreamBody;

/// A good answer's begin.
pub(crate) enum Answer {
    /// All of it.
    Whole(WholeAnswer),
    /// A stream, open at its first content.
    Stream(Box<OpenStream>),
    /// Audio, open at its first bytes.
    Audio(Box<OpenAudio>),
}

/// An unstreamed answer.
pub(crate) struct WholeAnswer {
    /// Status and headers.
    pub(crate) head: Parts,
    /// The body.
    pub(crate) body: Bytes,
    /// What it says of its usage, if it is a success.
    pub(crate) reported: Option<Box<Usage>>,
}

/// Audio whose first bytes have come.
pub(crate) struct OpenAudio {
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// The first bytes.
    pub(crate) first: Bytes,
    /// Where the next ones come from.
    pub(crate) body: UpstreamBody,
    /// The upstream ended its body with the first bytes.
    pub(crate) ended: bool,
    /// How long it may say nothing.
    pub(crate) idle: Duration,
}

/// A stream whose first content has come.
pub(crate) struct OpenStream {
    /// What its events are written in.
    pub(crate) dialect: Dialect,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// The frames up to the first content; all of them in an atomic call.
    pub(crate) first: Vec<Run>,
    /// What finds the next ones.
    pub(crate) reader: FrameReader,
    /// Where they come from.
    pub(crate) body: UpstreamBody,
    /// The upstream ended its body with the first frames.
    pub(crate) ended: bool,
    /// How long it may say nothing.
    pub(crate) silence: Silence,
    /// The caller did not ask for the usage: its frame does not go on.
    pub(crate) usage_is_ours: bool,
}

/// What a stream that does not move is met with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Silence {
    /// It is broken off after this.
    pub(crate) idle: Duration,
    /// Its caller gets a sign of life every so often.
    pub(crate) heartbeat: Duration,
}

impl Answer {
    /// What this attempt counts as.
    pub(super) fn counts_as(&self) -> AttemptOutcome {
        match self {
            Answer::Whole(whole) if !whole.head.status.is_success() => AttemptOutcome::Refused,
            Answer::Whole(_) | Answer::Stream(_) | Answer::Audio(_) => AttemptOutcome::Answered,
        }
    }
}
