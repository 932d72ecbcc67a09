//! The word for a body that broke off.
//!
//! It must never stand for an end.

use std::fmt::Display;

/// The body broke off before its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut: {0}")]
pub(crate) struct Cut(String);

impl Cut {
    pub(super) fn new(cause: &dyn Display) -> Cut {
        Cut(cause.to_string())
    }
}
