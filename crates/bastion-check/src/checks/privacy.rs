//! The boxes of the section `privacy`: what leaves the house, and where to.
//!
//! One file must never look at another's box.

pub(super) mod audit;
pub(super) mod pii;
pub(super) mod residency;
pub(super) mod store_false;
