//! The body of an answer to a caller: whole, or fed by the call's task.
//!
//! It must never buffer: what the caller does not read stays in the bounded channel, and the call
//! waits.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// Pieces of a stream that wait for the caller, each of at most 32 KiB: half of the memory of one
/// slow reader; the other half waits in hyper.
const STREAM_PLACES: usize = 4;

/// A body for hyper.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it; none once it was taken.
    Whole(Option<Bytes>),
    /// Pieces as they come; the end of the channel is a clean end.
    Stream(mpsc::Receiver<Bytes>),
}

impl AnswerBody {
    /// A body that is known.
    pub(crate) fn whole(bytes: Bytes) -> AnswerBody {
        AnswerBody::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }

    /// A body that a call feeds; dropping it tells the call that the caller left.
    pub(crate) fn stream() -> (mpsc::Sender<Bytes>, AnswerBody) {
        let (feed, pieces) = mpsc::channel(STREAM_PLACES);
        (feed, AnswerBody::Stream(pieces))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            AnswerBody::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            AnswerBody::Stream(pieces) => {
                pieces.poll_recv(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
            }
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
