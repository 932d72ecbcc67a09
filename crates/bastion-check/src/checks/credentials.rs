//! The boxes of the section `credentials`: who may call, and how its secrets are kept.
//!
//! One file must never look at another's box.

pub(super) mod redaction;
pub(super) mod rotation;
pub(super) mod secret_store;
pub(super) mod separate_keys;
