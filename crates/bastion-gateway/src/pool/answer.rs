//! The body of an upstream's answer, gathered: what is ready at once is handed on at once.
//!
//! It must never wait for more once it has something, and never call a cut an end.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;

use super::Pool;
use super::connection::Connection;
use super::shared::InUse;

/// No more is gathered behind so many bytes: they are handed on.
const MAX_GATHERED_BYTES: usize = 16 * 1024;

/// The body broke off before its end.
#[derive(Debug, thiserror::Error)]
#[error("the answer was cut: {0}")]
pub(crate) struct Cut(String);

/// What one poll gave.
enum Moved {
    Frame(Frame<Bytes>),
    Nothing,
    End,
    Cut(Cut),
}

/// What one look at the body gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gathered {
    /// Pieces; more may come.
    Some,
    /// The body's proper end; there may be last pieces.
    End,
}

/// What an answer comes through.
pub(super) enum Link {
    /// A connection of its own, which its reader moves.
    Own(Box<Connection>),
    /// A stream of a shared connection.
    Shared {
        /// Counts as one until it is dropped.
        _in_use: InUse,
    },
}

/// An answer's body with the connection that it comes through. Dropped before its end it closes
/// that connection: the upstream sees the stop.
pub(crate) struct UpstreamBody {
    incoming: Incoming,
    link: Option<Link>,
    home: (Arc<Pool>, Arc<str>),
    /// Told once what came before it has been handed on.
    cut: Option<Cut>,
}

impl UpstreamBody {
    pub(super) fn new(incoming: Incoming, link: Link, home: (Arc<Pool>, Arc<str>)) -> UpstreamBody {
        UpstreamBody { incoming, link: Some(link), home, cut: None }
    }

    /// Waits for at least one piece or the end, then takes all that is ready, up to 16 KiB and
    /// the last piece.
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
            self.link = None;
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        loop {
            let frame = match self.poll_moved(cx) {
                Moved::Frame(frame) => frame,
                Moved::Nothing => return Poll::Pending,
                Moved::Cut(cut) => {
                    self.link = None;
                    return Poll::Ready(Some(Err(cut)));
                }
                Moved::End => {
                    self.give_back();
                    return Poll::Ready(None);
                }
            };
            // Trailers carry nothing that callers are promised.
            if let Ok(data) = frame.into_data() {
                return Poll::Ready(Some(Ok(data)));
            }
        }
    }

    /// What is there; the connection is moved only when nothing is.
    fn poll_moved(&mut self, cx: &mut Context<'_>) -> Moved {
        let mut ended = self.link.is_none();
        let polled = match &mut self.link {
            // Its driver is a task: it wakes whoever waits.
            Some(Link::Shared { .. }) => Pin::new(&mut self.incoming).poll_frame(cx),
            Some(Link::Own(connection)) => {
                let mut polled = poll_silently(&mut self.incoming);
                if polled.is_pending() {
                    ended = connection.poll_driver(cx);
                    polled = poll_silently(&mut self.incoming);
                }
                polled
            }
            None => poll_silently(&mut self.incoming),
        };
        match polled {
            Poll::Ready(Some(Ok(frame))) => Moved::Frame(frame),
            Poll::Ready(Some(Err(cause))) => Moved::Cut(Cut(cause.to_string())),
            Poll::Ready(None) => Moved::End,
            Poll::Pending if ended => Moved::Cut(Cut("the connection ended".to_owned())),
            Poll::Pending => Moved::Nothing,
        }
    }

    fn give_back(&mut self) {
        if let Some(Link::Own(mut connection)) = self.link.take()
            && !connection.sender.is_closed()
        {
            connection.mark_used();
            let (pool, origin) = &self.home;
            pool.put_back(Arc::clone(origin), connection);
        }
    }
}

/// The connection is polled just before or behind it, by the same task: its own waker is not needed.
fn poll_silently(incoming: &mut Incoming) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
    let mut silent = Context::from_waker(Waker::noop());
    Pin::new(incoming).poll_frame(&mut silent)
}
