//! The body of an upstream's answer, gathered: what is ready at once is handed on at once.
//!
//! It must never wait for more once it has something, and never call a cut an end.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use super::cut::Cut;
use super::http1_body::Http1Body;
use super::http2_stream::Http2Body;

/// Most bytes that are gathered before they are handed on.
const MAX_GATHERED_BYTES: usize = 16 * 1024;

/// What one look at the body gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gathered {
    /// Pieces; more may come.
    Some,
    /// The body's proper end; there may be last pieces.
    End,
}

/// An answer's body with what it comes through. Dropped before its end it closes its HTTP/1.1
/// connection or resets its HTTP/2 stream: the upstream sees the stop.
pub(crate) struct UpstreamBody {
    source: Source,
    /// Told once what came before it has been handed on.
    cut: Option<Cut>,
}

enum Source {
    Http1(Http1Body),
    Http2(Box<Http2Body>),
}

impl UpstreamBody {
    pub(super) fn http1(body: Http1Body) -> UpstreamBody {
        UpstreamBody { source: Source::Http1(body), cut: None }
    }

    pub(super) fn http2(body: Http2Body) -> UpstreamBody {
        UpstreamBody { source: Source::Http2(Box::new(body)), cut: None }
    }

    /// Waits for at least one piece or the end, then takes all that is ready, up to 16 KiB.
    /// May be dropped at any time: pieces that it has taken are in `pieces`.
    ///
    /// # Errors
    /// When the body was cut; what came before the cut is handed on first.
    pub(crate) async fn gather(&mut self, pieces: &mut Vec<Bytes>) -> Result<Gathered, Cut> {
        if let Some(cut) = self.cut.take() {
            return Err(cut);
        }
        let mut gathered_bytes: usize = 0;
        poll_fn(|cx| {
            while gathered_bytes < MAX_GATHERED_BYTES {
                let piece = match self.poll_piece(cx) {
                    Poll::Ready(Some(Ok(piece))) => piece,
                    Poll::Ready(Some(Err(cut))) => return self.cut_behind(pieces, cut),
                    Poll::Ready(None) => return Poll::Ready(Ok(Gathered::End)),
                    Poll::Pending if pieces.is_empty() => return Poll::Pending,
                    Poll::Pending => return Poll::Ready(Ok(Gathered::Some)),
                };
                gathered_bytes += piece.len();
                pieces.push(piece);
            }
            Poll::Ready(Ok(Gathered::Some))
        })
        .await
    }

    /// What came before a cut goes on first.
    fn cut_behind(&mut self, pieces: &[Bytes], cut: Cut) -> Poll<Result<Gathered, Cut>> {
        if pieces.is_empty() {
            return Poll::Ready(Err(cut));
        }
        self.cut = Some(cut);
        Poll::Ready(Ok(Gathered::Some))
    }

    /// Reads on to the end, so that the connection can be used again; gives up after `limit`.
    pub(crate) async fn finish(&mut self, limit: Duration) {
        let end = async {
            let mut unread = Vec::new();
            while let Ok(Gathered::Some) = self.gather(&mut unread).await {
                unread.clear();
            }
        };
        if tokio::time::timeout(limit, end).await.is_err() {
            match &mut self.source {
                Source::Http1(body) => body.stop(),
                Source::Http2(body) => body.stop(),
            }
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        match &mut self.source {
            Source::Http1(body) => body.poll_piece(cx),
            Source::Http2(body) => body.poll_piece(cx),
        }
    }
}
