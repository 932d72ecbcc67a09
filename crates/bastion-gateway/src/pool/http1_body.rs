//! The body of an HTTP/1.1 answer, with the connection that it comes through.
//!
//! It must never give a connection back before the body's end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::body::Incoming;

use super::Pool;
use super::connection::Connection;
use super::cut::Cut;

/// What one poll gave.
enum Moved {
    Frame(Frame<Bytes>),
    Nothing,
    End,
    Cut(Cut),
}

/// Dropped before its end it closes the connection.
pub(super) struct Http1Body {
    incoming: Incoming,
    connection: Option<Box<Connection>>,
    home: (Arc<Pool>, Arc<str>),
}

impl Http1Body {
    pub(super) fn new(
        incoming: Incoming,
        connection: Box<Connection>,
        home: (Arc<Pool>, Arc<str>),
    ) -> Http1Body {
        Http1Body { incoming, connection: Some(connection), home }
    }

    /// Stops the upstream.
    pub(super) fn stop(&mut self) {
        self.connection = None;
    }

    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        loop {
            let frame = match self.poll_moved(cx) {
                Moved::Frame(frame) => frame,
                Moved::Nothing => return Poll::Pending,
                Moved::Cut(cut) => {
                    self.connection = None;
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
        let mut polled = self.poll_incoming();
        let mut ended = self.connection.is_none();
        if polled.is_pending()
            && let Some(connection) = &mut self.connection
        {
            ended = connection.poll_driver(cx);
            polled = self.poll_incoming();
        }
        match polled {
            Poll::Ready(Some(Ok(frame))) => Moved::Frame(frame),
            Poll::Ready(Some(Err(cause))) => Moved::Cut(Cut::new(&cause)),
            Poll::Ready(None) => Moved::End,
            Poll::Pending if ended => Moved::Cut(Cut::new(&"the connection ended")),
            Poll::Pending => Moved::Nothing,
        }
    }

    fn poll_incoming(&mut self) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut silent = Context::from_waker(Waker::noop());
        Pin::new(&mut self.incoming).poll_frame(&mut silent)
    }

    fn give_back(&mut self) {
        if let Some(mut connection) = self.connection.take()
            && !connection.sender.is_closed()
        {
            connection.mark_used();
            let (pool, origin) = &self.home;
            pool.put_back(Arc::clone(origin), connection);
        }
    }
}
