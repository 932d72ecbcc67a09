//! The body of a request to an upstream: bytes that are at hand, or a spooled file with changes.
//!
//! It must never read more of a file ahead than one piece.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

/// How much of a file is read at once, in bytes.
const PIECE_BYTES: u64 = 128 * 1024;

/// A part of the body.
#[derive(Debug, Clone)]
pub(crate) enum Segment {
    /// Bytes that are at hand.
    Bytes(Bytes),
    /// A part of a file.
    File(Arc<std::fs::File>, Range<u64>),
}

impl Segment {
    fn length(&self) -> u64 {
        match self {
            Segment::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Segment::File(_, place) => place.end.saturating_sub(place.start),
        }
    }
}

/// The body of a request. A clone begins anew.
#[derive(Debug)]
pub(crate) struct Outgoing {
    rest: VecDeque<Segment>,
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Outgoing {
    /// Of bytes that are at hand.
    pub(crate) fn whole(bytes: Bytes) -> Outgoing {
        Outgoing::of([Segment::Bytes(bytes)])
    }

    /// Of parts, one behind the other.
    pub(crate) fn of(segments: impl IntoIterator<Item = Segment>) -> Outgoing {
        let rest = segments.into_iter().filter(|segment| segment.length() > 0).collect();
        Outgoing { rest, reading: None }
    }

    /// How long it is, in bytes.
    pub(crate) fn length(&self) -> u64 {
        self.rest.iter().map(Segment::length).fold(0, u64::saturating_add)
    }

    /// The next piece, as it is asked for.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Some(reading) = &mut self.reading {
            let read = ready!(Pin::new(reading).poll(cx)).unwrap_or_else(|end| Err(end.into()));
            self.reading = None;
            return Poll::Ready(Some(read));
        }
        match self.rest.pop_front() {
            None => Poll::Ready(None),
            Some(Segment::Bytes(bytes)) => Poll::Ready(Some(Ok(bytes))),
            Some(Segment::File(file, place)) => {
                let middle = place.end.min(place.start.saturating_add(PIECE_BYTES));
                if middle < place.end {
                    let behind = Segment::File(Arc::clone(&file), middle..place.end);
                    self.rest.push_front(behind);
                }
                let read = move || read(&file, place.start..middle);
                self.reading = Some(tokio::task::spawn_blocking(read));
                self.poll_piece(cx)
            }
        }
    }
}

impl Clone for Outgoing {
    fn clone(&self) -> Outgoing {
        Outgoing { rest: self.rest.clone(), reading: None }
    }
}

fn read(file: &std::fs::File, place: Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(place.end.saturating_sub(place.start)).unwrap_or(usize::MAX);
    let mut piece = vec![0; length];
    file.read_exact_at(&mut piece, place.start)?;
    Ok(Bytes::from(piece))
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.get_mut().poll_piece(cx).map(|piece| piece.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_file_is_read_in_pieces_with_its_changes() {
        let file = tempfile::tempfile().unwrap();
        let text: Vec<u8> = (0_u8..=255).cycle().take(300_000).collect();
        file.write_all_at(&text, 0).unwrap();
        let file = Arc::new(file);
        let body = Outgoing::of([
            Segment::File(Arc::clone(&file), 0..200_000),
            Segment::Bytes(Bytes::from_static(b"between")),
            Segment::File(Arc::clone(&file), 200_010..300_000),
            Segment::File(file, 7..7),
        ]);
        assert_eq!(body.size_hint().exact(), Some(200_000 + 7 + 99_990));
        let again = body.clone();
        let read = body.collect().await.unwrap().to_bytes();
        assert_eq!(read, [&text[..200_000], b"between", &text[200_010..]].concat());
        assert_eq!(again.collect().await.unwrap().to_bytes(), read);
        let none = Outgoing::whole(Bytes::new());
        assert!(none.is_end_stream());
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_is_an_error_not_an_end() {
        let file = tempfile::tempfile().unwrap();
        let body = Outgoing::of([Segment::File(Arc::new(file), 0..10)]);
        assert!(body.collect().await.is_err());
    }
}
