//! What a caller got: the facts of an answer that settle and record go by.
//!
//! It must never hold the answer itself.

use std::sync::Arc;

use bastion_types::{AttemptCount, StreamOutcome, Usage};
use http::StatusCode;

use super::passed::Passed;
use crate::policy::Route;

/// The status in our records of a call whose caller left before its answer.
const CALLER_LEFT_STATUS: u16 = 499;

/// The code of such a call.
pub(super) const CALLER_LEFT: &str = "caller_left";

/// What broke off an answer, for the log, when nobody else did.
pub(super) const STOPPED: &str = "the drain's deadline is over";

/// What the caller got.
pub(crate) struct Relayed {
    /// The status.
    pub(crate) status: u16,
    /// The error's code, if it was one.
    pub(crate) code: Option<&'static str>,
    /// How the stream ended.
    pub(crate) stream: StreamOutcome,
    /// What the upstream reported.
    pub(crate) reported: Option<Usage>,
    /// How much of the answer was handed on.
    pub(crate) passed: Passed,
    /// From the head's arrival to the first event.
    pub(crate) first_event_ms: Option<u64>,
    /// How many attempts there were.
    pub(crate) attempts: AttemptCount,
    /// The way that was answered, or tried last.
    pub(crate) route: Option<Arc<Route>>,
    /// May the upstream have done work that it did not report?
    pub(crate) unknown: bool,
    /// Was the answer ended by its limit before it had any text?
    pub(crate) ended_empty: bool,
    /// Where other attempts went whose outcome is not known.
    pub(crate) lost: Vec<Arc<Route>>,
}

impl Relayed {
    pub(in crate::path) fn ended(status: u16, code: Option<&'static str>) -> Relayed {
        Relayed {
            status,
            code,
            stream: StreamOutcome::None,
            reported: None,
            passed: Passed::default(),
            first_event_ms: None,
            attempts: AttemptCount(0),
            route: None,
            unknown: false,
            ended_empty: false,
            lost: Vec::new(),
        }
    }

    /// The caller left a stream that had begun, before any of its events.
    pub(super) fn stream_left() -> Relayed {
        let status = StatusCode::OK.as_u16();
        Relayed { status, ..Relayed::caller_left() }
    }

    /// The caller left when an answer had begun, before any of it went on.
    pub(super) fn answer_left() -> Relayed {
        Relayed { unknown: true, ..Relayed::caller_left() }
    }

    pub(super) fn caller_left() -> Relayed {
        let stream = StreamOutcome::Cancelled;
        Relayed { stream, ..Relayed::ended(CALLER_LEFT_STATUS, Some(CALLER_LEFT)) }
    }
}
