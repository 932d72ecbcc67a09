//! An attempt that came to nothing: what it counts as, what the caller and the log are told.
//!
//! Its cause must never reach the caller.

use std::time::Duration;

use bastion_observe::AttemptOutcome;
use bastion_types::Refusal;
use bastion_wire::RetryAfter;

use crate::line::{CallerLeft, CutShort};
use crate::path::door::Arrival;
use crate::policy::UpstreamPolicy;
use crate::pool::{Cut, ExchangeError};

/// Where another attempt may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// To the same upstream, too: what went wrong may pass.
    Anywhere,
    /// Only to another one: this one would say the same again.
    Elsewhere,
    /// To none: the request was refused, and every other one would be asked the same.
    Never,
}

/// An attempt that came to nothing.
#[derive(Debug)]
pub(super) struct Failed {
    /// What the caller is told, if there is no other attempt.
    pub(super) refusal: Refusal,
    /// What it counts as.
    pub(super) outcome: AttemptOutcome,
    /// May the upstream have done the work all the same?
    pub(super) unknown: bool,
    /// Where another attempt may go.
    pub(super) again: Again,
    /// The wait that the upstream asked for.
    pub(super) retry_after: Option<RetryAfter>,
    /// For the log; never for the caller.
    pub(super) cause: String,
}

impl Failed {
    /// Says so to the operators, once.
    pub(super) fn log(&self, arrival: &Arrival, upstream: &UpstreamPolicy, attempt: u32) {
        tracing::warn!(
            request_id = %arrival.id,
            upstream = %upstream.name,
            attempt,
            outcome = ?self.outcome,
            cause = %self.cause,
            "an attempt at an upstream failed"
        );
    }

    /// It answered, and what it said makes no sense.
    pub(super) fn no_sense(cause: &str) -> Failed {
        Failed {
            refusal: Refusal::UpstreamError,
            outcome: AttemptOutcome::Failed,
            unknown: true,
            again: Again::Anywhere,
            retry_after: None,
            cause: cause.to_owned(),
        }
    }

    /// It refused the request, in words that cannot be passed on: that is no failure of the
    /// upstream's, and nobody is asked the same again. Box `reliability.no-4xx-retry`.
    pub(super) fn refused(cause: &str) -> Failed {
        Failed {
            outcome: AttemptOutcome::Refused,
            unknown: false,
            again: Again::Never,
            ..Failed::no_sense(cause)
        }
    }

    /// It does not know what our configuration says of it: another one may.
    pub(super) fn misplaced(cause: &str) -> Failed {
        Failed { again: Again::Elsewhere, ..Failed::refused(cause) }
    }

    /// It took longer than it may.
    pub(super) fn timed_out(what: &str, limit: Duration) -> Failed {
        Failed {
            outcome: AttemptOutcome::TimedOut,
            ..Failed::no_sense(&format!("{what} within {limit:?}"))
        }
    }
}

impl From<ExchangeError> for Failed {
    fn from(error: ExchangeError) -> Failed {
        let (outcome, unknown) = match error {
            ExchangeError::Connect(_) | ExchangeError::Unsent => {
                (AttemptOutcome::Unreachable, false)
            }
            ExchangeError::Broken(_) | ExchangeError::Ended => (AttemptOutcome::Failed, true),
        };
        Failed { outcome, unknown, ..Failed::no_sense(&error.to_string()) }
    }
}

impl From<Cut> for Failed {
    fn from(cut: Cut) -> Failed {
        Failed::no_sense(&cut.to_string())
    }
}

/// Why an attempt has no answer.
pub(super) enum Ended {
    /// It came to nothing.
    Failed(Failed),
    /// Nobody waits for it any more: the upstream's connection is closed.
    CutShort(CutShort),
}

impl From<Failed> for Ended {
    fn from(failed: Failed) -> Ended {
        Ended::Failed(failed)
    }
}

impl From<CutShort> for Ended {
    fn from(why: CutShort) -> Ended {
        Ended::CutShort(why)
    }
}

impl From<CallerLeft> for Ended {
    fn from(left: CallerLeft) -> Ended {
        Ended::CutShort(left.into())
    }
}
