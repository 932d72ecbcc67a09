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
}

/// One SSE frame, its blank line included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TimedEvent {
    /// Before it is sent.
    pub(crate) wait: Duration,
    pub(crate) frame: Bytes,
}

impl Answer {
    pub(crate) fn json(status: u16, body: Bytes) -> Answer {
        Answer::whole(status, "application/json", body)
    }

    pub(crate) fn whole(status: u16, content_type: &'static str, body: Bytes) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Answer { status, headers, head_wait: Duration::ZERO, content: Content::Whole(body) }
    }

    /// A stream; headers by the contract, Streams.
    pub(crate) fn events(status: u16, events: Vec<TimedEvent>) -> Answer {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
        headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
        Answer { status, headers, head_wait: Duration::ZERO, content: Content::Events(events) }
    }
}
