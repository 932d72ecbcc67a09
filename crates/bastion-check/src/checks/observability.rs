//! The boxes of the section `observability`: what can be seen from outside.
//!
//! One file must never look at another's box.

pub(super) mod alerts;
pub(super) mod dashboard;
pub(super) mod sampled_logs;
