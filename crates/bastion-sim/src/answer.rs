//! An answer before it is sent: status, headers, and a body or timed events.
//!
//! It must never know faults: those come between it and the wire.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    /// Before the head is sent.
    pub(crate) head_wait: Duration,
    pub(crate) content: Content,
}

pub(crate) enum Content {
    Whole(Bytes),
    Events(Vec<TimedEvent>),
    /// A body of unknown length, as it is made.
    Pieces(Vec<TimedPiece>),
}

/// A piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimedPiece {
    /// Before it is sent.
    pub(crate) wait: Duration,
    pub(crate) bytes: Bytes,
}

/// One SSE frame, its blank line included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimedEvent {
    /// Before it is sent.
    pub(crate) wait: Duration,
    pub(crate) frame: Bytes,
}

impl TimedEvent {
    /// An event of one line of data.
    pub(crate) fn data(wait: Duration, data: &[u8]) -> TimedEvent {
        TimedEvent { wait, frame: Bytes::from([b"data: ", data, b"\n\n"].concat()) }
    }

    /// The same with a name.
    pub(crate) fn named(wait: Duration, name: &str, data: &[u8]) -> TimedEvent {
        let frame = [b"event: ", name.as_bytes(), b"\ndata: ", data, b"\n\n"].concat();
        TimedEvent { wait, frame: Bytes::from(frame) }
    }
}

impl Answer {
    pub(crate) fn json(status: u16, body: Bytes) -> Answer {
        Answer::whole(status, "application/json", body)
    }

    pub(crate) fn whole(status: u16, content_type: &'static str, body: Bytes) -> Answer {
        Answer::of(status, content_type, Content::Whole(body))
    }

    /// A body that is sent as it is made.
    pub(crate) fn pieces(content_type: &'static str, pieces: Vec<TimedPiece>) -> Answer {
        Answer::of(200, content_type, Content::Pieces(pieces))
    }

    fn of(status: u16, content_type: &'static str, content: Content) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Answer { status, headers, head_wait: Duration::ZERO, content }
    }

    /// A stream; headers by the contract, Streams.
    pub(crate) fn events(status: u16, events: Vec<TimedEvent>) -> Answer {
        let mut answer = Answer::of(status, "text/event-stream", Content::Events(events));
        let headers = &mut answer.headers;
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        answer
    }
}
