//! A connection's stream as hyper sees it: only bytes of judged heads and followed bodies.
//!
//! A request passes once the one before it is answered. Until then what comes is held: hyper looks
//! for a peer's end only while it has nothing unread. It must never hold more than a head and a
//! step, and never take the peer's end for our refusal: a caller who leaves is seen at once.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::BadHead;
use super::exchanges::Exchanges;
use super::follower::{Follower, Stop, Turn};

/// Read at a time while a head is not whole, in bytes.
const STEP_BYTES: usize = 4096;

/// The stream comes back here when hyper is done with it.
pub(crate) struct Kept<S> {
    slot: Arc<Mutex<Option<Left<S>>>>,
}

/// A connection behind its last exchange.
pub(crate) struct Left<S> {
    /// The peer's stream.
    pub(crate) stream: S,
    /// What the peer is still to be told.
    pub(crate) refused: Option<BadHead>,
    /// It may still be sending what nobody reads.
    pub(crate) is_unread: bool,
}

impl<S> Kept<S> {
    /// The stream, once the gate is gone.
    pub(crate) fn take(self) -> Option<Left<S>> {
        self.slot.lock().take()
    }
}

/// The stream, judged.
pub(crate) struct Gate<S> {
    stream: Option<S>,
    follower: Follower,
    /// A head that is not whole, or whose turn has not come; behind it was seen to be, what hyper
    /// has not taken yet.
    held: BytesMut,
    /// Held while another request is answered, at most, in bytes.
    limit_bytes: usize,
    /// So many of the held bytes may pass.
    may_pass: usize,
    stop: Option<Stop>,
    exchanges: Exchanges,
    slot: Arc<Mutex<Option<Left<S>>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Gate<S> {
    pub(crate) fn new(stream: S, limit_bytes: u32, exchanges: Exchanges) -> (Gate<S>, Kept<S>) {
        let slot = Arc::new(Mutex::new(None));
        let kept = Kept { slot: Arc::clone(&slot) };
        let gate = Gate {
            stream: Some(stream),
            follower: Follower::new(limit_bytes),
            held: BytesMut::new(),
            limit_bytes: usize::try_from(limit_bytes).unwrap_or(usize::MAX),
            may_pass: 0,
            stop: None,
            exchanges,
            slot,
        };
        (gate, kept)
    }

    /// Straight into hyper's buffer; what may not pass yet is held back. True when hyper has its
    /// bytes, or the peer's end.
    fn read_straight(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<bool>> {
        let before = buffer.filled().len();
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(true)) };
        ready!(Pin::new(stream).poll_read(cx, buffer))?;
        let fresh = buffer.filled().get(before..).unwrap_or_default();
        if fresh.is_empty() {
            return Poll::Ready(Ok(true));
        }
        let turn = if self.exchanges.are_over() { Turn::Now } else { Turn::Later };
        let (passed, stop) = self.follower.advance(fresh, turn);
        self.stop = stop;
        if stop.is_none() {
            self.held.extend_from_slice(fresh.get(passed..).unwrap_or_default());
        }
        buffer.set_filled(before + passed);
        Poll::Ready(Ok(passed > 0))
    }

    /// Lets what is held pass once it may, and else waits for more. True at the peer's end.
    fn read_held(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let waits = !self.follower.is_in_a_body() && self.exchanges.poll_over(cx).is_pending();
        let turn = if waits { Turn::Later } else { Turn::Now };
        (self.may_pass, self.stop) = self.follower.advance(&self.held, turn);
        if self.may_pass > 0 || self.stop.is_some() {
            return Poll::Ready(Ok(false));
        }
        self.read_on(cx)
    }

    /// More of what is held. True at the peer's end, which must be seen behind whatever it has sent:
    /// what is too much is read away.
    fn read_on(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.held.len() > self.limit_bytes {
            self.held = BytesMut::new();
            self.stop = Some(Stop::TooFarAhead);
            return Poll::Ready(Ok(false));
        }
        let mut bytes = [0; STEP_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(true)) };
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        if buffer.filled().is_empty() {
            return Poll::Ready(Ok(true));
        }
        self.held.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(false))
    }

    /// To hyper a refusal is the end, and so is what was read away, when its turn has come; a peer that
    /// leaves before is it at once.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.exchanges.poll_over(cx) {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => self.read_away(cx),
        }
    }

    /// Reads what nobody wants until the peer's end.
    fn read_away(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut bytes = [0; STEP_BYTES];
            let mut buffer = ReadBuf::new(&mut bytes);
            let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(())) };
            ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gate<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        loop {
            if gate.may_pass > 0 {
                let length = gate.may_pass.min(buffer.remaining());
                buffer.put_slice(gate.held.get(..length).unwrap_or_default());
                gate.held.advance(length);
                gate.may_pass -= length;
                return Poll::Ready(Ok(()));
            }
            match gate.stop {
                None => {}
                Some(Stop::Refused(_) | Stop::TooFarAhead) => return gate.poll_turn(cx),
                Some(Stop::Broken) => return Poll::Ready(Ok(())),
                Some(Stop::Over) => return gate.read_away(cx),
            }
            let is_done = if gate.held.is_empty() {
                ready!(gate.read_straight(cx, buffer))?
            } else {
                ready!(gate.read_held(cx))?
            };
            if is_done {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Some(stream) => Pin::new(stream).poll_write(cx, bytes),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().stream {
            Some(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Some(stream) => Pin::new(stream).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Not before a refusal is told: that is for whoever takes the stream back.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        if matches!(gate.stop, Some(Stop::Refused(_))) {
            return Poll::Ready(Ok(()));
        }
        match &mut gate.stream {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl<S> Drop for Gate<S> {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        let refused = match self.stop {
            Some(Stop::Refused(why)) => Some(why),
            Some(Stop::Broken | Stop::Over | Stop::TooFarAhead) | None => None,
        };
        let is_unread = self.stop.is_some() || self.follower.is_in_a_body();
        *self.slot.lock() = Some(Left { stream, refused, is_unread });
    }
}
