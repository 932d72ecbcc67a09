//! One HTTP/2 connection to an upstream, shared by many calls of its thread.
//!
//! A task of its own moves it. It must never take more streams than the upstream allows, and never
//! hold up a drain once its last stream has ended.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bastion_outbound::{ConnectError, Stream};
use bastion_runtime::{Drain, Tasks};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use h2::{Ping, PingPong};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// Streams in use on one connection before another one is opened, if the upstream's own limit is
/// not lower. Source: RFC 9113, 6.5.2 (no less than 100); a packet that is lost stops all of them.
const MAX_STREAMS: usize = 100;

/// What an upstream may send of one answer before it is taken, in bytes: the memory that a slow
/// caller can cost. At 100 ms to and fro it still lets 2.5 MB/s through.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;

/// The same for all streams of a connection, in bytes: enough for all, so that slow callers never
/// stop the others.
const CONNECTION_WINDOW_BYTES: u32 = 100 * STREAM_WINDOW_BYTES;

/// Of a request, what is copied towards the connection before it is written, in bytes.
const MAX_SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Longest head of an answer, in bytes.
const MAX_HEAD_BYTES: u32 = 64 * 1024;

/// Between two looks at a connection: in use, it is pinged; unused since the last look, closed.
/// So it is idle for 30 to 60 s at most. Upstreams take pings closer together for an attack.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// A ping that is not answered within this means that nobody is there.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// For the farewell of a connection that is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

type Driver = h2::client::Connection<Stream, Bytes>;

/// A connection as calls see it.
pub(super) struct Shared {
    /// None once no more streams can be opened.
    sender: Mutex<Option<SendRequest<Bytes>>>,
    streams: AtomicUsize,
    /// Since the last look.
    used: AtomicBool,
    /// A place was given back.
    freed: Notify,
}

impl Shared {
    /// Speaks HTTP/2 over a stream and waits for the upstream's settings: after that its limit of
    /// streams is known, and that it speaks HTTP/2 at all.
    pub(super) async fn open(
        stream: Stream,
        tasks: &Tasks,
        drain: &Drain,
    ) -> Result<Arc<Shared>, ConnectError> {
        let mut builder = Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buffer_size(MAX_SEND_BUFFER_BYTES)
            .max_header_list_size(MAX_HEAD_BYTES)
            .initial_max_send_streams(MAX_STREAMS)
            .enable_push(false);
        let (sender, mut driver) = builder.handshake(stream).await.map_err(|c| not_taken(&c))?;
        let mut pings = driver.ping_pong();
        if let Some(pings) = &mut pings {
            settled(&mut driver, pings).await?;
        }
        let shared = Arc::new(Shared {
            sender: Mutex::new(Some(sender)),
            streams: AtomicUsize::new(0),
            used: AtomicBool::new(true),
            freed: Notify::new(),
        });
        drop(tasks.spawn(drive(driver, pings, Arc::clone(&shared), drain.clone())));
        Ok(shared)
    }

    /// A place for one more stream, if there is one and the connection takes any.
    pub(super) fn place(self: &Arc<Shared>) -> Option<Place> {
        let mut sender = self.sender.lock();
        let mut own = sender.clone()?;
        if own.current_max_send_streams().min(MAX_STREAMS) <= self.streams.load(Ordering::Relaxed) {
            return None;
        }
        let mut silent = Context::from_waker(Waker::noop());
        if let Poll::Ready(Err(_)) = own.poll_ready(&mut silent) {
            // It has ended, or the upstream has said that it will (GOAWAY).
            *sender = None;
            return None;
        }
        self.used.store(true, Ordering::Relaxed);
        self.streams.fetch_add(1, Ordering::Relaxed);
        Some(Place { connection: Arc::clone(self), sender: own })
    }

    /// Can it never give a place again?
    pub(super) fn is_over(&self) -> bool {
        self.sender.lock().is_none()
    }

    /// No more streams; those that are open live on.
    pub(super) fn retire(&self) {
        *self.sender.lock() = None;
        self.freed.notify_one();
    }

    fn is_unused(&self) -> bool {
        self.streams.load(Ordering::Relaxed) == 0
    }
}

/// The right to one stream.
pub(super) struct Place {
    connection: Arc<Shared>,
    sender: SendRequest<Bytes>,
}

impl Place {
    pub(super) fn sender(&mut self) -> &mut SendRequest<Bytes> {
        &mut self.sender
    }

    pub(super) fn connection(&self) -> &Arc<Shared> {
        &self.connection
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connection.streams.fetch_sub(1, Ordering::Relaxed);
        self.connection.freed.notify_one();
    }
}

/// The answer to a ping comes behind the settings, which are the first that an upstream sends.
async fn settled(driver: &mut Driver, pings: &mut PingPong) -> Result<(), ConnectError> {
    let mut pong = pin!(pings.ping(Ping::opaque()));
    poll_fn(|cx| {
        if let Poll::Ready(ended) = Pin::new(&mut *driver).poll(cx) {
            let silent = || ConnectError::NotTaken("it ended before its settings".to_owned());
            return Poll::Ready(Err(ended.err().map_or_else(silent, |cause| not_taken(&cause))));
        }
        pong.as_mut().poll(cx).map(|pong| pong.map(drop).map_err(|cause| not_taken(&cause)))
    })
    .await
}

fn not_taken(cause: &h2::Error) -> ConnectError {
    ConnectError::NotTaken(format!("no HTTP/2: {cause}"))
}

/// How a look at a connection can end.
enum Left {
    /// Nobody needs it.
    Unused,
    /// Nobody is at the other end.
    Dead,
}

async fn drive(mut driver: Driver, pings: Option<PingPong>, shared: Arc<Shared>, drain: Drain) {
    let left = tokio::select! {
        biased;
        // Each of its streams tells its call why.
        _ended = &mut driver => None,
        left = watch(pings, &shared) => Some(left),
        () = drained(&shared, &drain) => Some(Left::Unused),
    };
    shared.retire();
    match left {
        // Without senders and streams it says GOAWAY and closes.
        Some(Left::Unused) => drop(timeout(CLOSE_TIMEOUT, driver).await),
        Some(Left::Dead) => {
            tracing::warn!("an HTTP/2 upstream answers no ping; its connection is closed");
        }
        None => {}
    }
}

/// Ends when the connection should.
async fn watch(mut pings: Option<PingPong>, shared: &Shared) -> Left {
    loop {
        sleep(LOOK_EVERY).await;
        let used = shared.used.swap(false, Ordering::Relaxed);
        if shared.is_unused() {
            if !used {
                return Left::Unused;
            }
        } else if let Some(pings) = &mut pings {
            let answered = timeout(PING_TIMEOUT, pings.ping(Ping::opaque())).await;
            if !matches!(answered, Ok(Ok(_))) {
                return Left::Dead;
            }
        }
    }
}

/// Ends once a drain has begun and the last stream has ended.
async fn drained(shared: &Shared, drain: &Drain) {
    drain.begun().await;
    while !shared.is_unused() {
        shared.freed.notified().await;
    }
}
