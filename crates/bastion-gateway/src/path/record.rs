//! Every call of a known caller leaves a record: counted, logged, stored.
//!
//! It must never hold a body, and never be skipped.

use std::borrow::Cow;

use bastion_types::CallRecord;

use super::authenticate::Caller;
use super::door::Arrival;
use super::settle::Settlement;
use crate::desk::Desk;

/// The metric's label where a call ended without an error.
const NO_ERROR: &str = "none";

/// Writes the record.
pub(super) async fn record(
    desk: &Desk,
    caller: &Caller,
    arrival: &Arrival,
    settlement: Settlement,
) {
    let Settlement { relayed, usage, cost, attempt_charges, settled, about } = settlement;
    let tools = &desk.gateway.tools;
    let endpoint = arrival.endpoint.name();
    let upstream = relayed.route.as_ref().map(|route| &route.upstream);
    let record = CallRecord {
        id: arrival.id,
        at: arrival.at,
        environment: caller.key.environment.clone(),
        service: caller.key.service.clone(),
        key_id: caller.key.id,
        surface: about.surface.map(|name| name.to_string()),
        endpoint: Cow::Borrowed(endpoint),
        model: about.model.map(|model| model.name.clone()),
        upstream: upstream.map(|upstream| upstream.name.clone()),
        region: upstream.and_then(|upstream| upstream.region.clone()),
        status: relayed.status,
        code: relayed.code.map(Cow::Borrowed),
        attempts: relayed.attempts,
        stream: relayed.stream,
        usage,
        cost,
        attempt_charges,
        latency_ms: tools.clock.monotonic().millis_since(arrival.began),
        first_event_ms: relayed.first_event_ms,
        user: about.user,
        ended_empty: relayed.ended_empty,
        observed: about.observed.map(Cow::Borrowed),
    };
    tools.metrics.call(&record, endpoint, relayed.code.unwrap_or(NO_ERROR));
    if relayed.attempts.0 > 0 || settled.is_some() {
        tools.calls.push(record, settled).await;
    } else if !tools.calls.push_refused(record) {
        // Whoever is turned away may come again at once: nothing of it waits for a place.
        tools.metrics.unwritten(1);
    }
}
