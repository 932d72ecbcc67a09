//! One HTTP/2 connection to an upstream, shared by the calls of a thread.
//!
//! It must never take more streams than [`MAX_STREAMS`], and its windows bound what waits unread.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bastion_outbound::Stream;
use bastion_runtime::Tasks;
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::time::Instant;

/// Streams at the same time on one connection; most servers allow at least a hundred.
const MAX_STREAMS: usize = 100;

/// Bytes of one answer that may wait unread: a slow reader slows its upstream beyond.
const STREAM_WINDOW_BYTES: u32 = 128 * 1024;

/// Bytes of all answers of a connection that may wait unread: no reader stops the others.
const CONNECTION_WINDOW_BYTES: u32 = STREAM_WINDOW_BYTES * 104;

/// Longest head of an answer, in bytes.
const MAX_HEAD_BYTES: u32 = 64 * 1024;

/// A connection that is silent for so long is asked for a sign of life.
const PING_AFTER: Duration = Duration::from_secs(20);

/// And given up when it gives none within this.
const PING_PATIENCE: Duration = Duration::from_secs(10);

/// A connection; cheap to clone.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) sender: http2::SendRequest<Full<Bytes>>,
    use_count: Arc<UseCount>,
}

struct UseCount {
    streams: AtomicUsize,
    idle_since: Mutex<Instant>,
}

/// A stream of a shared connection, until it is dropped.
pub(super) struct InUse {
    use_count: Arc<UseCount>,
}

impl Shared {
    /// Speaks HTTP/2 over a stream, which a task moves until nobody uses it any more.
    pub(super) async fn open(stream: Stream, drivers: &Tasks) -> hyper::Result<Shared> {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(MAX_HEAD_BYTES)
            .keep_alive_interval(PING_AFTER)
            .keep_alive_timeout(PING_PATIENCE);
        let (sender, driver) = builder.handshake(TokioIo::new(stream)).await?;
        drop(drivers.spawn(async move {
            if let Err(cause) = driver.await {
                tracing::debug!(%cause, "an HTTP/2 connection to an upstream ended");
            }
        }));
        let idle_since = Mutex::new(Instant::now());
        let use_count = Arc::new(UseCount { streams: AtomicUsize::new(0), idle_since });
        Ok(Shared { sender, use_count })
    }

    /// A stream more.
    pub(super) fn begin(&self) -> InUse {
        self.use_count.streams.fetch_add(1, Ordering::AcqRel);
        InUse { use_count: Arc::clone(&self.use_count) }
    }

    pub(super) fn streams(&self) -> usize {
        self.use_count.streams.load(Ordering::Acquire)
    }

    pub(super) fn has_room(&self) -> bool {
        self.streams() < MAX_STREAMS
    }

    /// Is it open, and in use or not idle for too long?
    pub(super) fn is_usable(&self, max_idle: Duration) -> bool {
        let idle_for = || self.use_count.idle_since.lock().elapsed();
        !self.sender.is_closed() && (self.streams() > 0 || idle_for() <= max_idle)
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        *self.use_count.idle_since.lock() = Instant::now();
        self.use_count.streams.fetch_sub(1, Ordering::AcqRel);
    }
}
