//! A peer's stream that waits for its reader, and not for ever.
//!
//! hyper waits without an end for a peer that takes nothing: its connection would keep a place, and
//! an answer its memory. It must never end a connection whose peer takes a byte now and then.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Who takes nothing for so long has left.
pub const MAX_READER_PAUSE: Duration = Duration::from_mins(10);

/// The stream.
pub(crate) struct Patient<S> {
    stream: S,
    /// Runs while the peer takes nothing.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S) -> Patient<S> {
        Patient { stream, pause: None }
    }

    fn unless_too_long<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.pause = None;
            return written;
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(MAX_READER_PAUSE)));
        if pause.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        tracing::debug!(pause = ?MAX_READER_PAUSE, "a peer that takes nothing is left");
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.unless_too_long(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.unless_too_long(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.unless_too_long(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.unless_too_long(cx, ended)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::{Instant, sleep};

    use super::*;

    const ROOM_BYTES: usize = 1024;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_left_after_a_while() {
        let (near, _far) = duplex(ROOM_BYTES);
        let mut patient = Patient::new(near);
        let began = Instant::now();
        let cause = patient.write_all(&[b'x'; 2 * ROOM_BYTES]).await.unwrap_err();
        assert_eq!(cause.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), MAX_READER_PAUSE.as_secs());
    }

    /// Reads so many bytes, each just before it would be too late.
    async fn read_slowly(far: &mut DuplexStream, bytes: usize) {
        for _ in 0..bytes {
            sleep(MAX_READER_PAUSE.mul_f32(0.9)).await;
            far.read_u8().await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_a_byte_now_and_then_is_waited_for() {
        const BYTES: usize = 5;
        let (near, mut far) = duplex(ROOM_BYTES);
        let mut patient = Patient::new(near);
        let text = [b'x'; ROOM_BYTES + BYTES];
        let (written, ()) = tokio::join!(patient.write_all(&text), read_slowly(&mut far, BYTES));
        written.unwrap();
    }
}
