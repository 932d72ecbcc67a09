//! Sends a call to an upstream and waits for a good answer's begin, or its failure.
//!
//! One attempt in this version. It must never send to an upstream that `screen` did not allow, and
//! never show our own credential's failure as the caller's.

mod answer;
mod attempt;
mod body;
mod failed;
mod judge;
mod request;

use std::sync::Arc;

use bastion_observe::AttemptOutcome;
use bastion_types::{AttemptCount, Refusal};

use super::door::Arrival;
use super::hold::Hold;
use super::screen::Screened;
use crate::desk::Desk;
use crate::policy::UpstreamPolicy;
use crate::reply::Reply;
use attempt::Attempt;

pub(crate) use answer::{Answer, OpenStream, WholeAnswer};
pub(crate) use body::joined;

/// What came of a call's attempts.
pub(crate) struct Dispatched {
    /// The upstream that answered, or was asked last.
    pub(crate) upstream: Option<Arc<UpstreamPolicy>>,
    /// How many attempts there were.
    pub(crate) attempts: AttemptCount,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// Did the upstream get the request without our knowing what it did with it?
    pub(crate) unknown: bool,
}

/// How a call's attempts ended.
pub(crate) enum Outcome {
    /// There is an answer to relay.
    Answered(Answer),
    /// There is none.
    Failed(Refusal),
    /// The caller left first; the upstream's connection is closed.
    CallerLeft,
}

/// Sends the call.
pub(super) async fn dispatch(
    desk: &Desk,
    arrival: &Arrival,
    hold: &Hold,
    (forward, reply): (&[http::HeaderName], &mut Reply),
) -> Dispatched {
    let screened = &hold.screened;
    let Some(upstream) = screened.upstreams.first() else {
        let outcome = Outcome::Failed(Refusal::NoAllowedRegion);
        return Dispatched { upstream: None, attempts: AttemptCount(0), outcome, unknown: false };
    };
    let request = request::build(screened, (arrival, forward), upstream);
    let attempt =
        attempt::attempt(Attempt { desk, upstream, streamed: screened.streamed }, request);
    let (outcome, unknown, counted) = tokio::select! {
        biased;
        () = reply.caller_left() => (Outcome::CallerLeft, true, AttemptOutcome::Cancelled),
        attempted = attempt => match attempted {
            Ok(answer) => {
                let counted = answer.counts_as();
                (Outcome::Answered(answer), false, counted)
            }
            Err(failed) => {
                failed.log(arrival, upstream);
                (Outcome::Failed(failed.refusal), failed.unknown, failed.outcome)
            }
        },
    };
    desk.gateway.tools.metrics.attempt(&upstream.name, counted);
    let upstream = Some(Arc::clone(upstream));
    Dispatched { upstream, attempts: AttemptCount(1), outcome, unknown }
}

/// The size of what an attempt sends, in bytes.
pub(crate) fn sent_bytes(screened: &Screened) -> u64 {
    u64::try_from(screened.body.len()).unwrap_or(u64::MAX)
}
