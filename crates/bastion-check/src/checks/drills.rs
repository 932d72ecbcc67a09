//! The boxes of the section `drills`: what was tried on purpose.
//!
//! One file must never look at another's box.

pub(super) mod credit_limit;
pub(super) mod key_revoked;
pub(super) mod sustained_5xx;
