//! One request and its answer as a stream of an HTTP/2 connection. Source: RFC 9113, 5 and 8.
//!
//! It must never take a reset for an end, and never ask for more of an answer than was taken.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri, Version};

use super::cut::Cut;
use super::http2::Place;
use crate::outgoing::Outgoing;

/// Headers of a connection, which HTTP/2 forbids. Source: RFC 9113, 8.2.2.
const OF_CONNECTIONS: [HeaderName; 6] = [
    CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Why there is no answer.
pub(super) enum Unanswered {
    /// The upstream says that it did nothing: the request may be sent again. RFC 9113, 8.7.
    NotTaken(h2::Error),
    /// Its doing is unknown.
    Lost(h2::Error),
}

/// A request in the form of HTTP/2; may be sent more than once.
pub(super) struct Http2Request {
    head: Request<()>,
    body: Outgoing,
}

impl Http2Request {
    /// From the form of HTTP/1.1: a path and a `host` header.
    ///
    /// # Errors
    /// When its host cannot stand in a URI.
    pub(super) fn new(request: Request<Outgoing>, scheme: Scheme) -> http::Result<Http2Request> {
        let (mut head, body) = request.into_parts();
        let host = head.headers.remove(HOST);
        let authority = Authority::try_from(host.as_ref().map_or(&[][..], HeaderValue::as_bytes))?;
        let mut uri = head.uri.into_parts();
        (uri.scheme, uri.authority) = (Some(scheme), Some(authority));
        head.uri = Uri::from_parts(uri)?;
        head.version = Version::HTTP_2;
        for name in &OF_CONNECTIONS {
            head.headers.remove(name);
        }
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.length()));
        Ok(Http2Request { head: Request::from_parts(head, ()), body })
    }

    /// Sends it and waits for the answer's head. Dropped before, the stream is reset.
    pub(super) async fn send(&self, mut place: Place) -> Result<Response<Http2Body>, Unanswered> {
        let sender = place.sender();
        poll_fn(|cx| sender.poll_ready(cx)).await.map_err(Unanswered::NotTaken)?;
        let sent = sender.send_request(self.head.clone(), self.body.length() == 0);
        let (mut answer, stream) = sent.map_err(Unanswered::NotTaken)?;
        let mut sending = Sending::begin(stream, self.body.clone());
        let answer = poll_fn(|cx| {
            sending.poll(cx);
            Pin::new(&mut answer).poll(cx)
        });
        match answer.await {
            Ok(answer) => Ok(answer.map(|incoming| Http2Body {
                open: Some(Open { incoming, sending, _place: place }),
            })),
            Err(cause) if was_not_taken(&cause) => Err(Unanswered::NotTaken(cause)),
            Err(cause) => Err(Unanswered::Lost(cause)),
        }
    }
}

/// A refused stream, or one above the last that a GOAWAY names: only those get its error.
fn was_not_taken(cause: &h2::Error) -> bool {
    let refused = cause.is_reset() && cause.reason() == Some(Reason::REFUSED_STREAM);
    cause.is_remote() && (refused || cause.is_go_away())
}

/// What is still to be sent, as the upstream takes it.
struct Sending {
    stream: SendStream<Bytes>,
    /// The piece that goes next.
    piece: Bytes,
    /// What stands behind it; none once there is nothing, or nobody takes it.
    rest: Option<Outgoing>,
    left_bytes: u64,
}

impl Sending {
    fn begin(stream: SendStream<Bytes>, body: Outgoing) -> Sending {
        let left_bytes = body.length();
        let rest = (left_bytes > 0).then_some(body);
        Sending { stream, piece: Bytes::new(), rest, left_bytes }
    }

    /// Sends what may be sent now. What goes wrong shows at the answer's side.
    fn poll(&mut self, cx: &mut Context<'_>) {
        while self.poll_next_piece(cx).is_ready() {
            let room = self.stream.capacity();
            if room == 0 {
                self.stream.reserve_capacity(self.piece.len());
                match self.stream.poll_capacity(cx) {
                    Poll::Ready(Some(Ok(_))) => continue,
                    Poll::Ready(Some(Err(_)) | None) => return self.stop(),
                    Poll::Pending => return,
                }
            }
            let part = self.piece.split_to(room.min(self.piece.len()));
            self.left_bytes =
                self.left_bytes.saturating_sub(u64::try_from(part.len()).unwrap_or(u64::MAX));
            if self.stream.send_data(part, self.left_bytes == 0).is_err() {
                return self.stop();
            }
        }
    }

    /// Ready once there is something to send; pending also when there is nothing more.
    fn poll_next_piece(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.piece.is_empty() {
            return Poll::Ready(());
        }
        let Some(rest) = &mut self.rest else { return Poll::Pending };
        match rest.poll_piece(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(piece))) => {
                self.piece = piece;
                Poll::Ready(())
            }
            Poll::Ready(None) => {
                self.stop();
                Poll::Pending
            }
            Poll::Ready(Some(Err(cause))) => {
                tracing::error!(%cause, "a file that is being sent cannot be read");
                self.stream.send_reset(Reason::INTERNAL_ERROR);
                self.stop();
                Poll::Pending
            }
        }
    }

    fn stop(&mut self) {
        (self.piece, self.rest) = (Bytes::new(), None);
    }
}

/// The body of an answer; dropped before its end it resets its stream, and no other.
pub(super) struct Http2Body {
    open: Option<Open>,
}

struct Open {
    incoming: RecvStream,
    /// An upstream may answer before it has read the whole request.
    sending: Sending,
    /// Given back with the stream.
    _place: Place,
}

impl Http2Body {
    /// Resets the stream, unless it has ended.
    pub(super) fn stop(&mut self) {
        self.open = None;
    }

    /// The next piece; the upstream may send as much again, and no more.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Cut>>> {
        let Some(open) = &mut self.open else { return Poll::Ready(None) };
        open.sending.poll(cx);
        let taken = match open.incoming.poll_data(cx) {
            Poll::Pending => return Poll::Pending,
            // Trailers carry nothing that callers are promised.
            Poll::Ready(None) => {
                self.open = None;
                return Poll::Ready(None);
            }
            Poll::Ready(Some(piece)) => piece,
        };
        let granted = taken.and_then(|piece| {
            open.incoming.flow_control().release_capacity(piece.len()).map(|()| piece)
        });
        if granted.is_err() {
            self.open = None;
        }
        Poll::Ready(Some(granted.map_err(|cause| Cut::new(&cause))))
    }
}
