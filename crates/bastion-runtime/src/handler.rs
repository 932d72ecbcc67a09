//! What answers the requests of a listener.
//!
//! It must never panic as a way to answer: a panic closes the connection.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::Incoming;

/// Answers requests; one for each listener, or one for each thread of it.
pub trait Handler: Send + Sync + 'static {
    /// The answer's body.
    type Body: http_body::Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>
        + Send
        + 'static;
    /// What lives as long as a connection; dropped when it is closed.
    type Session: Send + Sync + 'static;

    /// A connection was accepted.
    fn open(&self, peer: SocketAddr) -> Self::Session;

    /// A request came. The future is dropped when the caller leaves.
    fn answer(
        self: Arc<Self>,
        session: Arc<Self::Session>,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send + 'static;
}
