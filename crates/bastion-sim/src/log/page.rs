//! The log as `GET /sim/log` shows it.
//!
//! It must never show more than the entries hold: they are masked already.

use std::collections::BTreeMap;

use bastion_types::Timestamp;
use serde::Serialize;

use crate::log::book::SimLog;
use crate::log::entry::{BodyEncoding, ConnectionEntry, LogEntry, Outcome};

#[derive(Serialize)]
struct Page<'a> {
    data: Vec<Line<'a>>,
    connections: Vec<ConnectionLine>,
    next: Option<&'static str>,
}

/// Times twice: RFC 3339 for people (milliseconds), microseconds since 1970 for programs.
#[derive(Serialize)]
struct Line<'a> {
    n: u64,
    at: Timestamp,
    at_us: i64,
    connection: u64,
    method: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    protocol: &'a str,
    model: Option<&'a str>,
    stream: bool,
    headers: &'a BTreeMap<String, String>,
    body: &'a str,
    body_encoding: BodyEncoding,
    body_bytes: u64,
    answered_status: Option<u16>,
    answered_at: Option<Timestamp>,
    answered_at_us: Option<i64>,
    events_sent: u64,
    outcome: Option<Outcome>,
    closed_at: Option<Timestamp>,
    closed_at_us: Option<i64>,
}

#[derive(Serialize)]
struct ConnectionLine {
    id: u64,
    opened_at: Timestamp,
    opened_at_us: i64,
    closed_at: Option<Timestamp>,
    closed_at_us: Option<i64>,
    requests: u64,
}

pub(crate) fn page(log: &SimLog) -> Vec<u8> {
    let entries = log.entries();
    let page = Page {
        data: entries.iter().map(line).collect(),
        connections: log.connections().iter().map(connection_line).collect(),
        next: None,
    };
    serde_json::to_vec(&page).unwrap_or_default()
}

fn line(entry: &LogEntry) -> Line<'_> {
    Line {
        n: entry.n,
        at: entry.at,
        at_us: entry.at.micros(),
        connection: entry.connection,
        method: &entry.method,
        path: &entry.path,
        query: entry.query.as_deref(),
        protocol: &entry.protocol,
        model: entry.model.as_deref(),
        stream: entry.stream,
        headers: &entry.headers,
        body: &entry.body,
        body_encoding: entry.body_encoding,
        body_bytes: entry.body_bytes,
        answered_status: entry.answered_status,
        answered_at: entry.answered_at,
        answered_at_us: entry.answered_at.map(Timestamp::micros),
        events_sent: entry.events_sent,
        outcome: entry.outcome,
        closed_at: entry.closed_at,
        closed_at_us: entry.closed_at.map(Timestamp::micros),
    }
}

fn connection_line(entry: &ConnectionEntry) -> ConnectionLine {
    ConnectionLine {
        id: entry.id,
        opened_at: entry.opened_at,
        opened_at_us: entry.opened_at.micros(),
        closed_at: entry.closed_at,
        closed_at_us: entry.closed_at.map(Timestamp::micros),
        requests: entry.requests,
    }
}
