//! One received request, one accepted connection.
//!
//! A body is kept to 64 KiB, and must never be changed within that.

use std::collections::BTreeMap;
use std::sync::Arc;

use bastion_types::Timestamp;
use serde::Serialize;

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything was handed to the connection.
    Whole,
    /// A script cut it.
    Cut,
    /// A script lets it hang; the peer is still there, or a drain ended the wait.
    Stalled,
    /// The peer left before the end.
    ClosedByPeer,
}

/// How [`LogEntry::body`] is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyEncoding {
    /// As it came: it was UTF-8.
    Text,
    /// It was not UTF-8.
    Base64,
}

/// One received request. Field names are those of `GET /sim/log`.
#[derive(Debug, Clone)]
pub struct LogEntry {
    /// From 1, in the order of arrival; also the number in `x-request-id: sim-<n>`.
    pub n: u64,
    /// When its head was read.
    pub at: Timestamp,
    /// The connection's id.
    pub connection: u64,
    /// Such as `POST`.
    pub method: String,
    /// Without the query.
    pub path: String,
    /// What stood behind `?`.
    pub query: Option<String>,
    /// `HTTP/1.1`, `HTTP/2.0`.
    pub protocol: String,
    /// The body's or the path's.
    pub model: Option<String>,
    /// Did the body ask for a stream?
    pub stream: bool,
    /// Small names; credentials as their scheme and last four characters; several of one name
    /// are joined by `, `.
    pub headers: Arc<BTreeMap<String, String>>,
    /// The first 64 KiB of the body.
    pub body: Arc<str>,
    /// How `body` is written.
    pub body_encoding: BodyEncoding,
    /// Length of the whole body.
    pub body_bytes: u64,
    /// None until it is answered.
    pub answered_status: Option<u16>,
    /// When the head of the answer was ready.
    pub answered_at: Option<Timestamp>,
    /// SSE frames that were handed to the connection, `[DONE]` included.
    pub events_sent: u64,
    /// None while the answer is under way.
    pub outcome: Option<Outcome>,
    /// When the answer ended, one way or another.
    pub closed_at: Option<Timestamp>,
}

/// One accepted connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionEntry {
    /// From 1, in the order of arrival.
    pub id: u64,
    /// When it was accepted.
    pub opened_at: Timestamp,
    /// When it was closed; none while it is open.
    pub closed_at: Option<Timestamp>,
    /// Requests that came over it, those to `/sim/` aside.
    pub requests: u64,
}
