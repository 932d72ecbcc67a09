//! The boxes of the section `streaming`: streams, end to end.
//!
//! One file must never look at another's box.

pub(super) mod cancel;
pub(super) mod commit_clean;
pub(super) mod no_buffering;
