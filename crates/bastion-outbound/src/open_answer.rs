//! An answer that is read as it comes: its head, then piece by piece.
//!
//! It must never go on in the background: dropped, its connection is closed at once.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::http_error::HttpError;

type Connection = Pin<Box<dyn Future<Output = Result<(), hyper::Error>> + Send>>;

/// An answer whose head has come.
pub struct OpenAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    /// It moves only while it is polled; none once it has ended.
    connection: Option<Connection>,
}

impl OpenAnswer {
    pub(crate) fn new(head: http::Response<Incoming>, connection: Connection) -> OpenAnswer {
        let (head, body) = head.into_parts();
        OpenAnswer {
            status: head.status,
            headers: head.headers,
            body,
            connection: Some(connection),
        }
    }

    /// The next piece of the body; none at its end. May be dropped and called again.
    ///
    /// # Errors
    /// When the body breaks off.
    pub async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        loop {
            let Some(frame) = self.frame().await else { return Ok(None) };
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
    }

    async fn frame(&mut self) -> Option<Result<hyper::body::Frame<Bytes>, hyper::Error>> {
        if let Some(connection) = &mut self.connection {
            tokio::select! {
                frame = self.body.frame() => return frame,
                // What it ended with is told by the body.
                _ended = connection => {}
            }
        }
        self.connection = None;
        self.body.frame().await
    }

    /// What is left of the body, at most so many bytes.
    ///
    /// # Errors
    /// When it breaks off or is longer.
    pub async fn rest(mut self, most_bytes: usize) -> Result<Bytes, HttpError> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            if whole.len().saturating_add(piece.len()) > most_bytes {
                return Err(HttpError::Body);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Bytes::from(whole))
    }
}
