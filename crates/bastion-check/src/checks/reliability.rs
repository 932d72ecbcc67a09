//! The boxes of the section `reliability`: what happens when an upstream fails.
//!
//! One file must never look at another's box.

pub(super) mod effects_once;
pub(super) mod no_4xx_retry;
pub(super) mod retry;
pub(super) mod retry_after;
pub(super) mod stream_restart;
