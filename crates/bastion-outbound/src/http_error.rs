//! Why a request of ours has no answer.
//!
//! It must never repeat what the other side sent.

use crate::connect::ConnectError;
use crate::tls::TlsError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The other side cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// TLS cannot be set up here.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It broke off or made no sense.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// The request cannot be written.
    #[error("the request cannot be written: {0}")]
    Request(#[from] http::Error),
    /// Too long, or broken off in the middle.
    #[error("the answer is too long or was cut")]
    Body,
    /// Too slow.
    #[error("no answer within 30 s")]
    TimedOut,
}
