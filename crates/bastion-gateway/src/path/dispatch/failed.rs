//! An attempt that came to nothing: what it counts as, what the caller and the log are told.
//!
//! Its cause must never reach the caller.

use bastion_observe::AttemptOutcome;
use bastion_types::Refusal;

use crate::path::door::Arrival;
use crate::policy::UpstreamPolicy;
use crate::pool::{Cut, ExchangeError};

/// An attempt that came to nothing.
#[derive(Debug)]
pub(super) struct Failed {
    /// What the caller is told, if there is no other attempt.
    pub(super) refusal: Refusal,
    /// What it counts as.
    pub(super) outcome: AttemptOutcome,
    /// May the upstream have done the work all the same?
    pub(super) unknown: bool,
    /// For the log; never for the caller.
    pub(super) cause: String,
}

impl Failed {
    /// Says so to the operators, once.
    pub(super) fn log(&self, arrival: &Arrival, upstream: &UpstreamPolicy) {
        tracing::warn!(
            request_id = %arrival.id,
            upstream = %upstream.name,
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
            cause: cause.to_owned(),
        }
    }
}

impl From<ExchangeError> for Failed {
    fn from(error: ExchangeError) -> Failed {
        let (outcome, unknown) = match error {
            ExchangeError::Connect(_) => (AttemptOutcome::Unreachable, false),
            ExchangeError::Broken(_) | ExchangeError::Ended => (AttemptOutcome::Failed, true),
        };
        Failed { refusal: Refusal::UpstreamError, outcome, unknown, cause: error.to_string() }
    }
}

impl From<Cut> for Failed {
    fn from(cut: Cut) -> Failed {
        Failed::no_sense(&cut.to_string())
    }
}
