//! Reads each HTTP/1 head before hyper does, and follows its body to the next head.
//!
//! hyper forgives what others read otherwise, and answers what it refuses without an envelope. So
//! a head is judged here first. It must never change a byte, and never let one pass behind a head
//! that could be read in two ways. Source: interface, Ambiguous HTTP; RFC 9112.

mod chunks;
mod exchanges;
mod follower;
mod gate;
mod judge;

pub(crate) use exchanges::{Exchanges, Watched};
pub(crate) use gate::Gate;

use std::borrow::Cow;

use http::StatusCode;

/// Why a head is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadHead {
    /// It can be read in two ways, or not at all; what is wrong and how to mend it.
    Malformed(&'static str),
    /// It is longer than so many bytes.
    TooLong {
        /// The most that is read.
        limit_bytes: u32,
    },
    /// It has more header lines than so many.
    TooMany {
        /// The most that is read.
        limit_lines: u32,
    },
}

impl BadHead {
    /// 400, or 431 for what is too much.
    pub fn status(self) -> StatusCode {
        match self {
            BadHead::Malformed(_) => StatusCode::BAD_REQUEST,
            BadHead::TooLong { .. } | BadHead::TooMany { .. } => {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            }
        }
    }

    /// What is wrong and how to mend it; nothing of the head's own text.
    pub fn message(self) -> Cow<'static, str> {
        match self {
            BadHead::Malformed(told) => told.into(),
            BadHead::TooLong { limit_bytes } => {
                format!("the headers are larger than {limit_bytes} bytes; send less").into()
            }
            BadHead::TooMany { limit_lines } => {
                format!("there are more than {limit_lines} headers; send fewer").into()
            }
        }
    }
}

#[cfg(test)]
mod tests;
