//! What answers the requests of a listener.
//!
//! It must never panic as a way to answer: a panic closes the connection.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;

use crate::head::BadHead;

/// Answers requests; one for each listener, or one for each thread of it.
pub trait Handler: Send + Sync + 'static {
    /// The answer's body.
    type Body: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + Unpin
        + 'static;
    /// What lives as long as a connection; dropped when it is closed.
    type Session: Send + Sync + 'static;

    /// A connection was accepted.
    fn open(&self, peer: SocketAddr) -> Self::Session;

    /// What the peer is told whose head is not served; the connection is closed behind it.
    fn refuse_head(&self, why: BadHead) -> Response<Bytes>;

    /// A request came. The future is dropped when the caller leaves.
    fn answer(
        self: Arc<Self>,
        session: Arc<Self::Session>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send + 'static;
}
