//! Serves one connection within its limits, and lets it end well in a drain.
//!
//! It must never wait without a limit for a peer that sends nothing.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use http::Request;
use http::header::EXPECT;
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::farewell::farewell;
use crate::first_bytes::FirstBytes;
use crate::head::{Exchanges, Gate, Watched};
use crate::patient::Patient;
use crate::{Drain, Handler, Tls};

/// What hyper may read ahead of a head that is as long as may be, in bytes.
const READ_AHEAD_BYTES: u32 = 8 * 1024;

/// Requests at the same time on one HTTP/2 connection.
const MAX_HTTP2_STREAMS: u32 = 256;

/// A peer's stream, plain or TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// What one peer may take.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Connections at the same time; further ones wait in the system's queue.
    pub max_connections: usize,
    /// Bytes of a request's head; 431 beyond it.
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
    (limits, tls): (ConnectionLimits, Option<&Tls>),
    drain: Drain,
) {
    if let Err(cause) = stream.set_nodelay(true) {
        tracing::debug!(%cause, "a connection was gone before it was served");
        return;
    }
    match tls {
        Some(tls) => serve_tls((stream, peer), handler, (limits, tls), drain).await,
        None => serve_plain((stream, peer), handler, limits, drain).await,
    }
}

/// The handshake says which HTTP is spoken.
async fn serve_tls<H: Handler>(
    (stream, peer): (TcpStream, SocketAddr),
    handler: Arc<H>,
    (limits, tls): (ConnectionLimits, &Tls),
    drain: Drain,
) {
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(limits.head_timeout, tls.acceptor().accept(stream)) => shaken,
        () = drain.begun() => return,
    };
    let stream = match shaken {
        Ok(Ok(stream)) => Box::new(stream),
        Ok(Err(cause)) => {
            tracing::debug!(%cause, "a handshake failed");
            return;
        }
        Err(_) => return,
    };
    let session = Arc::new(handler.open(peer));
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        serve_http2(stream, (handler, session), limits, drain).await;
    } else {
        serve_http1(stream, (handler, session), limits, drain).await;
    }
}

async fn serve_plain<H: Handler>(
    (stream, peer): (TcpStream, SocketAddr),
    handler: Arc<H>,
    limits: ConnectionLimits,
    drain: Drain,
) {
    // hyper's own time-out for heads begins only once it knows the protocol.
    let begun = tokio::select! {
        begun = tokio::time::timeout(limits.head_timeout, FirstBytes::wait(&stream)) => begun,
        () = drain.begun() => return,
    };
    let session = Arc::new(handler.open(peer));
    match begun {
        Ok(FirstBytes::OfHttp1) => serve_http1(stream, (handler, session), limits, drain).await,
        Ok(FirstBytes::OfHttp2) => serve_http2(stream, (handler, session), limits, drain).await,
        Ok(FirstBytes::PeerLeft) | Err(_) => {}
    }
}

/// Heads are judged before hyper reads them; what was refused is told when hyper is done.
async fn serve_http1<H: Handler, S: Stream>(
    stream: S,
    (handler, session): (Arc<H>, Arc<H::Session>),
    limits: ConnectionLimits,
    drain: Drain,
) {
    // Outlives the stream: it tells that the connection is closed.
    let _session = Arc::clone(&session);
    let exchanges = Exchanges::default();
    let (gate, kept) = Gate::new(Patient::new(stream), limits.max_head_bytes, exchanges.clone());
    let answering = Arc::clone(&handler);
    let service = service_fn(move |mut request| {
        let exchange = exchanges.begin();
        want_body(&mut request);
        let answer = Arc::clone(&answering).answer(Arc::clone(&session), request);
        async move { Ok::<_, Infallible>(answer.await.map(|body| Watched::new(body, exchange))) }
    });
    let buffer_bytes = limits.max_head_bytes.saturating_add(READ_AHEAD_BYTES);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(usize::try_from(buffer_bytes).unwrap_or(usize::MAX));
    until_its_end(builder.serve_connection(TokioIo::new(gate), service), drain).await;
    let Some(left) = kept.take() else { return };
    if left.refused.is_some() || left.is_unread {
        farewell(left.stream, left.refused.map(|why| handler.refuse_head(why))).await;
    }
}

/// hyper hands a body over once somebody has asked for it. Asked for in the same step that read the
/// head, what came with it is there at once: neither the connection nor the call has to be woken
/// for it. Who waits for our word before sending is not told so here: that is the door's affair.
fn want_body(request: &mut Request<Incoming>) {
    if request.body().is_end_stream() || request.headers().contains_key(EXPECT) {
        return;
    }
    let nobody = &mut Context::from_waker(Waker::noop());
    let asked = Pin::new(request.body_mut()).poll_frame(nobody);
    debug_assert!(asked.is_pending(), "hyper has not looked behind the head yet");
}

async fn serve_http2<H: Handler, S: Stream>(
    stream: S,
    (handler, session): (Arc<H>, Arc<H::Session>),
    limits: ConnectionLimits,
    drain: Drain,
) {
    // Outlives the stream: it tells that the connection is closed.
    let _session = Arc::clone(&session);
    let service = service_fn(move |request| {
        let answer = Arc::clone(&handler).answer(Arc::clone(&session), request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(limits.max_head_bytes)
        .max_concurrent_streams(MAX_HTTP2_STREAMS)
        .keep_alive_interval(Some(limits.head_timeout));
    until_its_end(builder.serve_connection(TokioIo::new(Patient::new(stream)), service), drain)
        .await;
}

/// Callers leave in the middle all the time; the call's own record says so.
async fn until_its_end<C: GracefulConnection>(connection: C, drain: Drain) {
    let mut connection = pin!(connection);
    let mut begun = pin!(drain.begun());
    let (mut is_watched, mut is_told) = (false, false);
    // The signal takes a lock that all connections share: it is polled once, for the wake-up, and
    // then when there is something to hear.
    let ended = poll_fn(|cx| {
        if !is_told && (!is_watched || drain.has_begun()) {
            is_watched = true;
            is_told = begun.as_mut().poll(cx).is_ready();
            if is_told {
                connection.as_mut().graceful_shutdown();
            }
        }
        connection.as_mut().poll(cx)
    });
    if ended.await.is_err() {
        tracing::trace!("a connection ended early");
    }
}
