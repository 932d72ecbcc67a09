//! The line to the caller of one call: the head of the answer, its pieces, a sign of life in
//! between, and the news that the caller has left.
//!
//! It must never send two heads, and never wait for a reader without a limit.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bastion_limits::Standing;
use bastion_runtime::{MAX_READER_PAUSE, Stop};
use bastion_types::{AttemptCount, Money, RequestId};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::answer_body::Piece;
use crate::headers::{
    ATTEMPTS, COST, REGION, UPSTREAM, X_REQUEST_ID, come_back, forbid_buffering, tell_rates,
};
use crate::policy::UpstreamPolicy;
use crate::reply::{Reply, Taken};

/// Longest piece that takes one place on the way to the caller, in bytes.
const MAX_PIECE_BYTES: usize = 32 * 1024;

/// A sign of life: a comment line. Without a blank line behind it: some clients take that for an
/// event. Source: interface, Stream errors.
const HEARTBEAT: &[u8] = b": heartbeat\n";

/// The caller left, or reads no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallerLeft;

/// Why a call ends before its answer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CutShort {
    /// Nobody is there to be told.
    CallerLeft,
    /// This process ends; the caller is to be told.
    Stopped,
}

impl From<CallerLeft> for CutShort {
    fn from(_: CallerLeft) -> CutShort {
        CutShort::CallerLeft
    }
}

/// Counts of attempts that need no memory: most calls need one.
const SMALL_COUNTS: [&str; 4] = ["0", "1", "2", "3"];

/// Most headers of an answer, as far as one can tell; more of them only cost a second reservation.
const LIKELY_HEADERS: usize = 6;

/// The same where it tells the key's rates.
const LIKELY_HEADERS_WITH_RATES: usize = 12;

/// Where a call's answer goes.
pub(crate) struct Line {
    way: Way,
    stop: Stop,
    id: RequestId,
    standing: Option<Standing>,
    /// How many attempts there were, and who was asked last.
    asked: Option<(AttemptCount, Option<Arc<UpstreamPolicy>>)>,
    /// What is charged, where that is known before the answer begins.
    cost: Option<Money>,
}

enum Way {
    /// No head was sent.
    Waiting(Reply),
    /// A stream has begun.
    Open(mpsc::Sender<Piece>),
    /// The caller left.
    Gone,
}

impl Line {
    /// Nothing is sent yet.
    pub(crate) fn new(
        (reply, stop): (Reply, &Stop),
        id: RequestId,
        standing: Option<Standing>,
    ) -> Line {
        let (way, stop) = (Way::Waiting(reply), stop.clone());
        Line { way, stop, id, standing, asked: None, cost: None }
    }

    /// How many attempts there were, and who was asked last.
    pub(crate) fn tell(&mut self, attempts: AttemptCount, upstream: Option<&Arc<UpstreamPolicy>>) {
        self.asked = Some((attempts, upstream.cloned()));
    }

    /// What is charged.
    pub(crate) fn tell_cost(&mut self, cost: Money) {
        self.cost = Some(cost);
    }

    /// What every answer tells, before anything of the upstream's.
    fn told(&self, headers: &mut HeaderMap) {
        let is_rated = |told: &Standing| told.requests.is_some() || told.tokens.is_some();
        let has_rates = self.standing.as_ref().is_some_and(is_rated);
        headers.reserve(if has_rates { LIKELY_HEADERS_WITH_RATES } else { LIKELY_HEADERS });
        if let Ok(id) = HeaderValue::from_str(self.id.as_str()) {
            headers.insert(X_REQUEST_ID, id);
        }
        if let Some(standing) = &self.standing {
            tell_rates(standing, headers);
        }
        if let Some(cost) = self.cost.and_then(|cost| HeaderValue::try_from(cost.to_string()).ok())
        {
            headers.insert(COST, cost);
        }
        let Some((attempts, upstream)) = &self.asked else { return };
        let small = usize::try_from(attempts.0).ok().and_then(|count| SMALL_COUNTS.get(count));
        let count = small.map_or_else(|| attempts.0.into(), |text| HeaderValue::from_static(text));
        headers.insert(ATTEMPTS, count);
        let Some(upstream) = upstream else { return };
        let (name, region) = &upstream.told;
        headers.insert(UPSTREAM, name.clone());
        if let Some(region) = region {
            headers.insert(REGION, region.clone());
        }
    }

    /// Has the head of a stream been sent? What fails from then on is told inside the stream.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.way, Way::Open(_))
    }

    /// Ends once the call is cut short. May be dropped and called again at any time.
    pub(crate) async fn cut_short(&mut self) -> CutShort {
        let left = async {
            match &mut self.way {
                Way::Waiting(reply) => reply.caller_left().await,
                Way::Open(feed) => feed.closed().await,
                Way::Gone => {}
            }
        };
        cut_short(left, &self.stop).await
    }

    /// A whole answer, unless a stream has begun.
    pub(crate) fn send(self, mut response: Response<Bytes>, theirs: Option<&HeaderMap>) -> Taken {
        let headers = response.headers_mut();
        self.told(headers);
        let Way::Waiting(reply) = self.way else { return Taken::CallerLeft };
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
                self.told(&mut head.headers);
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
            Way::Open(pieces) => Some(Feed { pieces, stop: self.stop }),
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

    /// Waits for `work` unless the call is cut short; a stream that has begun is kept alive. The work
    /// stays where it is pinned: handed over, it would take its room in the call's task twice.
    pub(crate) async fn meanwhile<T>(
        &mut self,
        heartbeat: Duration,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, CutShort> {
        let Way::Open(pieces) = &self.way else {
            return tokio::select! {
                biased;
                why = self.cut_short() => Err(why),
                done = work.as_mut() => Ok(done),
            };
        };
        loop {
            tokio::select! {
                biased;
                why = cut_short(pieces.closed(), &self.stop) => return Err(why),
                done = work.as_mut() => return Ok(done),
                () = tokio::time::sleep(heartbeat) => beat(pieces)?,
            }
        }
    }
}

/// The pieces of an open stream, on their way.
#[derive(Clone)]
pub(crate) struct Feed {
    pieces: mpsc::Sender<Piece>,
    stop: Stop,
}

impl Feed {
    /// Ends once the call is cut short. May be dropped and called again at any time.
    pub(crate) async fn cut_short(&self) -> CutShort {
        cut_short(self.pieces.closed(), &self.stop).await
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
        match self.pieces.try_send(Piece::Bytes(bytes)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(CallerLeft),
            Err(TrySendError::Full(piece)) => {
                let sent = tokio::time::timeout(MAX_READER_PAUSE, self.pieces.send(piece)).await;
                if let Ok(Ok(())) = sent { Ok(()) } else { Err(CallerLeft) }
            }
        }
    }

    /// Ends the answer so that nobody takes it for whole: its connection or stream is reset.
    pub(crate) async fn break_off(self) {
        let told = self.pieces.send(Piece::BrokenOff);
        // A reader who never comes back has nothing to be told.
        drop(tokio::time::timeout(MAX_READER_PAUSE, told).await);
    }

    /// A sign of life; only between frames.
    pub(crate) fn beat(&self) -> Result<(), CallerLeft> {
        beat(&self.pieces)
    }
}

/// Who has left is not told anything.
async fn cut_short(left: impl Future<Output = ()>, stop: &Stop) -> CutShort {
    tokio::select! {
        biased;
        () = left => CutShort::CallerLeft,
        () = stop.said() => CutShort::Stopped,
    }
}

/// A caller who still has something to read needs no sign of life.
fn beat(pieces: &mpsc::Sender<Piece>) -> Result<(), CallerLeft> {
    match pieces.try_send(Piece::Bytes(Bytes::from_static(HEARTBEAT))) {
        Ok(()) | Err(TrySendError::Full(_)) => Ok(()),
        Err(TrySendError::Closed(_)) => Err(CallerLeft),
    }
}
