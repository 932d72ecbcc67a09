//! A form's body on its way to the parser, which keeps what is no content of a part: heads, and
//! whatever stands before the first boundary. How much that may be is watched here.
//!
//! It must never count what a part has handed on already.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;

/// Most bytes that come without being a part's, in bytes: more than one read of a connection.
const MAX_GATHERED_BYTES: usize = 1024 * 1024;

/// Why no more is read.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unread {
    /// The caller broke off.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
    /// What comes is no part of a form.
    #[error("more than {MAX_GATHERED_BYTES} bytes are no part of the form")]
    NoPart,
}

/// What has come since a part last handed something on, in bytes.
#[derive(Clone, Default)]
pub(super) struct Gathered(Arc<AtomicUsize>);

impl Gathered {
    /// A part has handed something on.
    pub(super) fn taken(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// May so many more come?
    fn add(&self, bytes: usize) -> bool {
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        before.saturating_add(bytes) <= MAX_GATHERED_BYTES
    }
}

/// The body.
pub(super) struct Watched {
    body: Incoming,
    gathered: Gathered,
}

impl Watched {
    pub(super) fn new(body: Incoming, gathered: Gathered) -> Watched {
        Watched { body, gathered }
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Unread;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Unread>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let frame = frame?;
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            if self.gathered.add(bytes) { Ok(frame) } else { Err(Unread::NoPart) }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_part_hands_on_is_not_gathered() {
        let gathered = Gathered::default();
        for _ in 0..10 {
            assert!(gathered.add(MAX_GATHERED_BYTES));
            gathered.taken();
        }
        assert!(gathered.add(MAX_GATHERED_BYTES) && !gathered.add(1));
    }
}
