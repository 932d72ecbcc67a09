//! Which requests of a connection are being answered: a refusal waits for its turn.
//!
//! It must never count an answer as over before its last byte went to hyper.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

/// The requests of one connection that are being answered.
#[derive(Clone, Default)]
pub(crate) struct Exchanges {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    open: AtomicUsize,
    waiting: Mutex<Option<Waker>>,
}

/// One request that is being answered, until it is dropped.
pub(crate) struct Exchange {
    inner: Arc<Inner>,
}

impl Exchanges {
    /// A request is being answered from now on.
    pub(crate) fn begin(&self) -> Exchange {
        self.inner.open.fetch_add(1, Ordering::AcqRel);
        Exchange { inner: Arc::clone(&self.inner) }
    }

    /// Is none being answered?
    pub(super) fn are_over(&self) -> bool {
        self.inner.open.load(Ordering::Acquire) == 0
    }

    /// Ready once none is.
    pub(super) fn poll_over(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.are_over() {
            return Poll::Ready(());
        }
        *self.inner.waiting.lock() = Some(cx.waker().clone());
        if self.are_over() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if self.inner.open.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(waker) = self.inner.waiting.lock().take()
        {
            waker.wake();
        }
    }
}

/// An answer's body that ends its exchange.
pub(crate) struct Watched<B> {
    body: B,
    _exchange: Exchange,
}

impl<B> Watched<B> {
    pub(crate) fn new(body: B, exchange: Exchange) -> Watched<B> {
        Watched { body, _exchange: exchange }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Watched<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
