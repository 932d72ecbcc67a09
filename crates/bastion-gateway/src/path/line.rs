//! The line to the caller of one call: the head of the answer, its pieces, a sign of life in
//! between, and the news that the caller has left.
//!
//! It must never send two heads, and never wait for a reader without a limit.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::door::Arrival;
use crate::headers::{
    ATTEMPTS, REGION, UPSTREAM, X_REQUEST_ID, come_back, forbid_buffering, tell_rates,
};
use crate::policy::UpstreamPolicy;
use crate::reply::{Reply, Taken};
use bastion_limits::Standing;
use bastion_types::AttemptCount;

/// A caller who has not read for so long is taken to have left.
const MAX_READER_PAUSE: Duration = Duration::from_mins(10);

/// Longest piece that takes one place on the way to the caller, in bytes.
const MAX_PIECE_BYTES: usize = 32 * 1024;

/// A sign of life: a comment line. Without a blank line behind it: some clients take that for an
/// event. Source: interface, Stream errors.
const HEARTBEAT: &[u8] = b": heartbeat\n";

/// The caller left, or reads no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallerLeft;

/// Where a call's answer goes.
pub(crate) struct Line {
    way: Way,
    told: HeaderMap,
}

enum Way {
    /// No head was sent.
    Waiting(Reply),
    /// A stream has begun.
    Open(mpsc::Sender<Bytes>),
    /// The caller left.
    Gone,
}

impl Line {
    /// Nothing is sent yet.
    pub(crate) fn new(reply: Reply, arrival: &Arrival, standing: Option<&Standing>) -> Line {
        let mut told = HeaderMap::new();
        if let Ok(id) = HeaderValue::from_str(arrival.id.as_str()) {
            told.insert(X_REQUEST_ID, id);
        }
        if let Some(standing) = standing {
            tell_rates(standing, &mut told);
        }
        Line { way: Way::Waiting(reply), told }
    }

    /// How many attempts there were, and who was asked last.
    pub(crate) fn tell(&mut self, attempts: AttemptCount, upstream: Option<&UpstreamPolicy>) {
        self.told.insert(ATTEMPTS, HeaderValue::from(attempts.0));
        let Some(upstream) = upstream else { return };
        if let Ok(name) = HeaderValue::from_str(upstream.name.as_str()) {
            self.told.insert(UPSTREAM, name);
        }
        self.told.remove(REGION);
        let region = upstream.region.as_ref().map(|region| HeaderValue::from_str(region.as_str()));
        if let Some(Ok(region)) = region {
            self.told.insert(REGION, region);
        }
    }

    /// Has the head of a stream been sent? What fails from then on is told inside the stream.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.way, Way::Open(_))
    }

    /// Ends once the caller has left. May be dropped and called again at any time.
    pub(crate) async fn caller_left(&mut self) {
        match &mut self.way {
            Way::Waiting(reply) => reply.caller_left().await,
            Way::Open(feed) => feed.closed().await,
            Way::Gone => {}
        }
    }

    /// A whole answer, unless a stream has begun.
    pub(crate) fn send(self, mut response: Response<Bytes>, theirs: Option<&HeaderMap>) -> Taken {
        let Way::Waiting(reply) = self.way else { return Taken::CallerLeft };
        let headers = response.headers_mut();
        for (name, value) in &self.told {
            headers.insert(name, value.clone());
        }
        if let Some(theirs) = theirs {
            come_back(theirs, headers);
        }
        reply.send(response)
    }

    /// The head of a stream, once.
    pub(crate) fn open(&mut self, theirs: &HeaderMap) -> Result<(), CallerLeft> {
        match std::mem::replace(&mut self.way, Way::Gone) {
            Way::Waiting(reply) => {
                let (mut head, ()) = Response::new(()).into_parts();
                head.status = StatusCode::OK;
                head.headers = std::mem::take(&mut self.told);
                come_back(theirs, &mut head.headers);
                forbid_buffering(&mut head.headers);
                self.way = Way::Open(reply.open(head).ok_or(CallerLeft)?);
            }
            open @ Way::Open(_) => self.way = open,
            Way::Gone => return Err(CallerLeft),
        }
        Ok(())
    }

    /// Where the pieces of an open stream go.
    pub(crate) fn feed(self) -> Option<Feed> {
        match self.way {
            Way::Open(pieces) => Some(Feed { pieces }),
            Way::Waiting(_) | Way::Gone => None,
        }
    }

    /// A sign of life on a stream, which begins with it if need be.
    pub(crate) fn beat(&mut self, theirs: &HeaderMap) -> Result<(), CallerLeft> {
        self.open(theirs)?;
        match &self.way {
            Way::Open(pieces) => beat(pieces),
            Way::Waiting(_) | Way::Gone => Err(CallerLeft),
        }
    }

    /// Waits for `work` unless the caller leaves; a stream that has begun is kept alive.
    pub(crate) async fn meanwhile<T>(
        &mut self,
        heartbeat: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, CallerLeft> {
        let mut work = pin!(work);
        let Way::Open(pieces) = &self.way else {
            return tokio::select! {
                biased;
                () = self.caller_left() => Err(CallerLeft),
                done = work.as_mut() => Ok(done),
            };
        };
        loop {
            tokio::select! {
                biased;
                () = pieces.closed() => return Err(CallerLeft),
                done = work.as_mut() => return Ok(done),
                () = tokio::time::sleep(heartbeat) => beat(pieces)?,
            }
        }
    }
}

/// The pieces of an open stream, on their way.
#[derive(Clone)]
pub(crate) struct Feed {
    pieces: mpsc::Sender<Bytes>,
}

impl Feed {
    /// Ends once the caller has left. May be dropped and called again at any time.
    pub(crate) async fn caller_left(&self) {
        self.pieces.closed().await;
    }

    /// Hands bytes on, a long frame in pieces; waits while the caller does not read, within
    /// [`MAX_READER_PAUSE`].
    pub(crate) async fn pass(&self, mut bytes: Bytes) -> Result<(), CallerLeft> {
        while bytes.len() > MAX_PIECE_BYTES {
            self.pass_piece(bytes.split_to(MAX_PIECE_BYTES)).await?;
        }
        self.pass_piece(bytes).await
    }

    async fn pass_piece(&self, bytes: Bytes) -> Result<(), CallerLeft> {
        match self.pieces.try_send(bytes) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(CallerLeft),
            Err(TrySendError::Full(bytes)) => {
                let sent = tokio::time::timeout(MAX_READER_PAUSE, self.pieces.send(bytes)).await;
                if let Ok(Ok(())) = sent { Ok(()) } else { Err(CallerLeft) }
            }
        }
    }

    /// A sign of life; only between frames.
    pub(crate) fn beat(&self) -> Result<(), CallerLeft> {
        beat(&self.pieces)
    }
}

/// A caller who still has something to read needs no sign of life.
fn beat(pieces: &mpsc::Sender<Bytes>) -> Result<(), CallerLeft> {
    match pieces.try_send(Bytes::from_static(HEARTBEAT)) {
        Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
        Err(TrySendError::Closed(_)) => Err(CallerLeft),
    }
}
