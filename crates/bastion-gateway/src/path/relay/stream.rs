//! A stream on its way to the caller: opened, passed on, ended and told.
//!
//! It must never add a terminal event that the upstream did not send. Boxes `streaming.cancel` and
//! `reliability.stream-restart`.

use std::sync::Arc;
use std::time::Duration;

use bastion_wire::Run;
use http::StatusCode;

use super::passage::Passage;
use super::relayed::Relayed;
use crate::desk::Desk;
use crate::line::Line;
use crate::path::dispatch::OpenStream;
use crate::path::door::Arrival;

/// How long an upstream may take to end its body behind the terminal event.
const AFTER_DONE: Duration = Duration::from_millis(250);

/// Relays an open stream to its end.
pub(super) async fn relay_stream(
    desk: &Desk,
    arrival: &Arrival,
    (open, mut line): (OpenStream, Line),
) -> Relayed {
    let OpenStream { dialect, headers, mut first, reader, mut body, .. } = open;
    let OpenStream { ended, silence, usage_is_ours, .. } = open;
    if line.is_open() {
        // Behind a sign of life a byte order mark would stand in the middle.
        first = first.into_iter().map(Run::without_bom).collect();
    }
    let first_event_ms = desk.gateway.tools.clock.monotonic().millis_since(arrival.began);
    if line.open(&headers).is_err() {
        return Relayed::answer_left();
    }
    drop(headers);
    let Some(feed) = line.feed() else { return Relayed::answer_left() };
    let redactor = Arc::clone(&desk.gateway.tools.redactor);
    let mut passage = Passage::new(feed, (dialect, reader), usage_is_ours, redactor);
    let end = passage.run((first, ended), &mut body, silence).await;
    let (stream, code) = passage.close(arrival, end).await;
    let seen = passage.into_seen();
    // The caller has its end; the connection may still come to its own and be used again.
    if seen.done && !ended {
        body.finish(AFTER_DONE).await;
    }
    Relayed {
        stream,
        reported: seen.usage,
        passed: seen.passed,
        first_event_ms: Some(first_event_ms),
        unknown: seen.usage.is_none(),
        ..Relayed::ended(StatusCode::OK.as_u16(), code)
    }
}
