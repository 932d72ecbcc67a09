//! What came of a call's attempts, all together.
//!
//! It must never leave out that an upstream may have worked for nothing.

use std::sync::Arc;

use bastion_types::{AttemptCount, Refusal};

use super::answer::Answer;
use crate::policy::Route;

/// What came of a call's attempts.
pub(crate) struct Dispatched {
    /// The way that was answered, or tried last.
    pub(crate) route: Option<Arc<Route>>,
    /// How many attempts there were.
    pub(crate) attempts: AttemptCount,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// Did the upstream of the attempt that ran last get the request without our knowing what it
    /// did with it?
    pub(crate) unknown: bool,
    /// The attempts before it, or all of a call without an answer, of which that is not known.
    pub(crate) lost: Vec<Arc<Route>>,
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
