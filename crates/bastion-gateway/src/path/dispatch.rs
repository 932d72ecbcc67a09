//! Sends a call to an upstream and waits for a good answer's begin; tries again within the policy.
//!
//! It must never send to an upstream that `screen` did not allow, never try a refused request
//! again, and never show our own credential's failure as the caller's. Boxes `reliability.retry`,
//! `reliability.retry-after`, `reliability.no-4xx-retry`.

mod answer;
mod attempt;
mod body;
mod failed;
mod judge;
mod request;
mod start_up;
mod tries;

use std::sync::Arc;

use bastion_types::{AttemptCount, Refusal};

use super::door::Arrival;
use super::line::Line;
use super::screen::Screened;
use crate::desk::Desk;
use crate::policy::{Policy, Route};
use attempt::Ended;
use tries::{Step, Tries};

pub(crate) use answer::{Answer, OpenStream, Silence, WholeAnswer};
pub(crate) use body::joined;

/// What every attempt of a call goes by.
#[derive(Clone, Copy)]
pub(super) struct Calling<'a> {
    pub(super) desk: &'a Desk,
    pub(super) policy: &'a Policy,
    pub(super) arrival: &'a Arrival,
    pub(super) screened: &'a Screened,
}

/// What came of a call's attempts.
pub(crate) struct Dispatched {
    /// The way that was answered, or tried last.
    pub(crate) route: Option<Arc<Route>>,
    /// How many attempts there were.
    pub(crate) attempts: AttemptCount,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// Did an upstream get the request without our knowing what it did with it?
    pub(crate) unknown: bool,
}

/// How a call's attempts ended.
pub(crate) enum Outcome {
    /// There is an answer to relay.
    Answered(Answer),
    /// There is none.
    Failed {
        /// What the caller is told.
        refusal: Refusal,
        /// The wait that the upstream asked for, in seconds.
        retry_after_s: Option<u32>,
    },
    /// The caller left first; the upstream's connection is closed.
    CallerLeft,
}

/// Sends the call, as often as the policy allows.
pub(super) async fn dispatch(calling: Calling<'_>, line: &mut Line) -> Dispatched {
    let mut tries = Tries::begin(calling);
    loop {
        match tries.step() {
            Step::Go(route) => {
                line.tell(tries.attempts(), Some(&route.upstream));
                match attempt::attempt(calling, &route, line).await {
                    Ok(answer) => return tries.answered(route, answer),
                    Err(Ended::Failed(failed)) => tries.failed(route, failed),
                    Err(Ended::CallerLeft) => return tries.caller_left(Some(route)),
                }
            }
            Step::Wait(wait, heartbeat) => {
                if line.meanwhile(heartbeat, tokio::time::sleep(wait)).await.is_err() {
                    return tries.caller_left(None);
                }
            }
            Step::Over => return tries.over(),
        }
    }
}
