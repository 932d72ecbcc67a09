//! A stream on its way to the caller: opened, passed on, ended and told.
//!
//! It must never add a terminal event that the upstream did not send. Boxes `streaming.cancel` and
//! `reliability.stream-restart`.

use std::time::Duration;

use super::passage::{Passage, Seen};
use super::relayed::Relayed;
use crate::desk::Desk;
use crate::path::dispatch::OpenStream;
use crate::path::door::Arrival;
use crate::policy::UpstreamPolicy;
use crate::reply::Reply;

/// How long an upstream may take to end its body behind the terminal event.
const AFTER_DONE: Duration = Duration::from_millis(250);

/// Relays an open stream to its end.
pub(super) async fn relay_stream(
    desk: &Desk,
    arrival: &Arrival,
    upstream: Option<&UpstreamPolicy>,
    (open, reply): (OpenStream, Reply),
) -> Relayed {
    let OpenStream { head, first, reader, mut body, ended } = open;
    let status = head.status.as_u16();
    let first_event_ms = desk.gateway.tools.clock.monotonic().millis_since(arrival.began);
    let Some(feed) = reply.open(head) else { return Relayed::caller_left() };
    let idle = upstream.map(|upstream| upstream.timeouts.idle.duration());
    let mut passage = Passage { feed, reader, seen: Seen::default() };
    let end = passage.run((first, ended), &mut body, idle.unwrap_or_default()).await;
    let (stream, code) = passage.close(arrival, end).await;
    let Passage { feed, seen: Seen { passed_bytes, usage, done, .. }, .. } = passage;
    // The caller has its end; the connection may still come to its own and be used again.
    drop(feed);
    if done && !ended {
        body.finish(AFTER_DONE).await;
    }
    Relayed {
        stream,
        reported: usage,
        passed_bytes,
        first_event_ms: Some(first_event_ms),
        unknown: usage.is_none(),
        ..Relayed::ended(status, code)
    }
}
