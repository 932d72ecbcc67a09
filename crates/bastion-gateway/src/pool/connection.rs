//! One HTTP/1.1 connection to an upstream, moved by whoever waits for it.
//!
//! It must never be polled from two tasks: it belongs to one call at a time.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bastion_outbound::Stream;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use crate::outgoing::Outgoing;

/// Most bytes that a connection reads ahead of its reader; also the longest head.
const MAX_BUFFERED_BYTES: usize = 32 * 1024;

type Driver = http1::Connection<TokioIo<Stream>, Outgoing>;

/// Sender and connection, together.
pub(super) struct Connection {
    pub(super) sender: http1::SendRequest<Outgoing>,
    driver: Driver,
    used: Instant,
}

impl Connection {
    /// Speaks HTTP/1.1 over a stream.
    pub(super) async fn open(stream: Stream) -> hyper::Result<Connection> {
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(MAX_BUFFERED_BYTES)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Connection { sender, driver, used: Instant::now() })
    }

    /// Since its last answer.
    pub(super) fn idle_for(&self) -> Duration {
        self.used.elapsed()
    }

    /// Its answer was read to the end.
    pub(super) fn mark_used(&mut self) {
        self.used = Instant::now();
    }

    /// Can another request be sent? Notices what the upstream did while nobody looked.
    pub(super) async fn is_usable(&mut self) -> bool {
        if self.sender.is_closed() {
            return false;
        }
        let Connection { sender, driver, .. } = self;
        // One look at the socket first: a sender counts itself ready until somebody has looked.
        let ended = poll_fn(|cx| Poll::Ready(Pin::new(&mut *driver).poll(cx).is_ready())).await;
        // One that still sends the request before, whose answer came early, is left: its upstream
        // may never read on.
        let mut sender_ready = pin!(sender.ready());
        let mut ready = pin!(drive(driver, sender_ready.as_mut()));
        let ready = poll_fn(|cx| Poll::Ready(ready.as_mut().poll(cx))).await;
        !ended && matches!(ready, Poll::Ready(Some(Ok(()))))
    }

    /// Runs a future that only this connection can complete; none if the connection ended first.
    pub(super) async fn complete<F: Future>(&mut self, future: Pin<&mut F>) -> Option<F::Output> {
        drive(&mut self.driver, future).await
    }

    /// Moves bytes; true once the connection has ended.
    pub(super) fn poll_driver(&mut self, cx: &mut Context<'_>) -> bool {
        Pin::new(&mut self.driver).poll(cx).is_ready()
    }
}

/// The future's own waker is never needed: the connection is polled just before it, by this task.
async fn drive<F: Future>(driver: &mut Driver, mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| {
        let mut silent = Context::from_waker(Waker::noop());
        if let Poll::Ready(output) = future.as_mut().poll(&mut silent) {
            return Poll::Ready(Some(output));
        }
        let ended = Pin::new(&mut *driver).poll(cx).is_ready();
        match future.as_mut().poll(&mut silent) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if ended => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
