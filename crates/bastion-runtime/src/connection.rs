//! Serves one connection within its limits, and lets it end well in a drain.
//!
//! It must never wait without a limit for a peer that sends nothing.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;

use crate::first_bytes::FirstBytes;
use crate::{Drain, Handler};

/// Requests at the same time on one HTTP/2 connection.
const MAX_HTTP2_STREAMS: u32 = 256;

/// What one peer may take.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Connections at the same time; further ones wait in the system's queue.
    pub max_connections: usize,
    /// Bytes of a request's head; hyper answers 431 beyond it.
    pub max_head_bytes: u32,
    /// From a connection's (or the next request's) begin to the end of its head.
    pub head_timeout: Duration,
}

impl ConnectionLimits {
    /// For listeners of our own people and for tests.
    pub const DEFAULT: ConnectionLimits = ConnectionLimits {
        max_connections: 1024,
        max_head_bytes: 64 * 1024,
        head_timeout: Duration::from_secs(10),
    };
}

/// Serves until the peer leaves, a limit is reached or, in a drain, the running requests are over.
pub(crate) async fn serve<H: Handler>(
    (stream, peer): (TcpStream, SocketAddr),
    handler: Arc<H>,
    limits: ConnectionLimits,
    drain: Drain,
) {
    if let Err(cause) = stream.set_nodelay(true) {
        tracing::debug!(%cause, "a connection was gone before it was served");
        return;
    }
    // hyper's own time-out for heads begins only once it knows the protocol.
    let begun = tokio::select! {
        begun = tokio::time::timeout(limits.head_timeout, FirstBytes::wait(&stream)) => begun,
        () = drain.begun() => return,
    };
    let Ok(FirstBytes::Came) = begun else { return };
    let session = Arc::new(handler.open(peer));
    let service = service_fn(move |request| {
        let answer = Arc::clone(&handler).answer(Arc::clone(&session), request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let builder = protocol(limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = drain.begun() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(cause) = ended {
        // Callers leave in the middle all the time; the call's own record says so.
        tracing::trace!(cause, "a connection ended early");
    }
}

fn protocol(limits: ConnectionLimits) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(usize::try_from(limits.max_head_bytes).unwrap_or(usize::MAX));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits.max_head_bytes)
        .max_concurrent_streams(MAX_HTTP2_STREAMS)
        .keep_alive_interval(Some(limits.head_timeout));
    builder
}
