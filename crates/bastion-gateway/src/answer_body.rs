//! The body of an answer to a caller: whole, or fed by the call's task.
//!
//! It must never buffer: what the caller does not read stays in the bounded channel, and the call
//! waits.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// Pieces of a stream that wait for the caller, each of at most 32 KiB: half of the memory of one
/// slow reader; the other half waits in hyper.
const STREAM_PLACES: usize = 4;

/// The connection is to be dropped as it stands: bytes of no form have no other way to say that
/// they are not all.
#[derive(Debug, thiserror::Error)]
#[error("the upstream broke off")]
pub struct BrokenOff;

/// What is on the way to a caller.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Bytes.
    Bytes(Bytes),
    /// The answer ends here and is not whole.
    BrokenOff,
}

/// A body for hyper.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it; none once it was taken.
    Whole(Option<Bytes>),
    /// Pieces as they come; the end of the channel is a clean end.
    Stream(Pieces),
}

/// The pieces of a stream.
#[derive(Debug)]
pub struct Pieces {
    pieces: mpsc::Receiver<Piece>,
    /// Once it is broken off: turns until that is told.
    breaking: Option<u32>,
}

/// Turns that the connection gets to write what it holds before it is dropped: hyper writes while
/// a body is pending, and forgets what it has not written at an error.
const FLUSH_TURNS: u32 = 32;

impl Pieces {
    fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if self.breaking.is_none() {
            match ready!(self.pieces.poll_recv(cx)) {
                Some(Piece::Bytes(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None => return Poll::Ready(None),
                Some(Piece::BrokenOff) => {}
            }
        }
        match self.breaking.unwrap_or(FLUSH_TURNS).checked_sub(1) {
            Some(left) => {
                self.breaking = Some(left);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(Some(Err(BrokenOff))),
        }
    }
}

impl AnswerBody {
    /// A body that is known.
    pub(crate) fn whole(bytes: Bytes) -> AnswerBody {
        AnswerBody::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// A body that a call feeds; dropping it tells the call that the caller left.
    pub(crate) fn stream() -> (mpsc::Sender<Piece>, AnswerBody) {
        let (feed, pieces) = mpsc::channel(STREAM_PLACES);
        (feed, AnswerBody::Stream(Pieces { pieces, breaking: None }))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match self.get_mut() {
            AnswerBody::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            AnswerBody::Stream(pieces) => pieces.poll_piece(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, AnswerBody::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Whole(bytes) => {
                let length = bytes.as_ref().map_or(0, Bytes::len);
                SizeHint::with_exact(u64::try_from(length).unwrap_or(u64::MAX))
            }
            AnswerBody::Stream(_) => SizeHint::default(),
        }
    }
}
