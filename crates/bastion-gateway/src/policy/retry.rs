//! The bounds of attempts, as `[retry]` says them.
//!
//! It must never be consulted by anything but dispatch.

use std::time::Duration;

use bastion_config::Retry;
use bastion_wire::Backoff;

use crate::breaker::BreakerBounds;

/// How often, how soon and how long a call is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPolicy {
    /// Attempts of a call, in all.
    pub(crate) attempts: u32,
    /// The waits between them.
    pub(crate) backoff: Backoff,
    /// No attempt begins later than this after the first; none is cut by it.
    pub(crate) total: Duration,
    /// Retries of the process for a thousand calls.
    pub(crate) budget_per_mille: u32,
    /// When an upstream is left alone.
    pub(crate) breaker: BreakerBounds,
}

impl RetryPolicy {
    pub(super) fn new(retry: &Retry) -> RetryPolicy {
        RetryPolicy {
            attempts: retry.attempts,
            backoff: Backoff { base: retry.base.duration(), cap: retry.cap.duration() },
            total: retry.total.duration(),
            budget_per_mille: retry.budget_per_mille,
            breaker: BreakerBounds {
                failures: retry.breaker.failures,
                open: retry.breaker.open.duration(),
            },
        }
    }
}
