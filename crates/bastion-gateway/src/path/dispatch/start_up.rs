//! Holds a stream's start-up events back until its first content: what fails before that was seen
//! by nobody and can be made again. Of an atomic call all is held back.
//!
//! It must never hold more than the bounds named here, and never take a start-up for an answer.

use bastion_wire::{Dialect, Frame, FrameReader, Run};
use http::HeaderMap;
use tokio::time::Instant;

use super::answer::{Answer, OpenStream, Silence};
use super::body::joined;
use super::failed::{Again, Ended, Failed};
use crate::line::Line;
use crate::path::screen::{Delivery, Screened};
use crate::policy::Route;
use crate::pool::{Gathered, UpstreamBody};

/// Most start-up events that are held back; more of them are taken for content.
const MAX_START_UP_EVENTS: usize = 64;

/// Most bytes of start-up events that are held back.
const MAX_START_UP_BYTES: usize = 64 * 1024;

/// Longest stream that an atomic call holds back, in bytes.
const MAX_ATOMIC_BYTES: usize = 16 * 1024 * 1024;

/// A stream whose head has come.
pub(super) struct Opening<'a> {
    pub(super) route: &'a Route,
    pub(super) screened: &'a Screened,
    /// What its events are written in.
    pub(super) dialect: Dialect,
    /// When the attempt began.
    pub(super) sent_at: Instant,
    pub(super) headers: HeaderMap,
    pub(super) body: UpstreamBody,
}

/// What was held back so far.
struct Held {
    dialect: Dialect,
    runs: Vec<Run>,
    events: usize,
    /// Of these: with data, so no comments.
    with_data: usize,
    bytes: usize,
    has_content: bool,
    is_done: bool,
}

impl Held {
    fn nothing(dialect: Dialect) -> Held {
        let (runs, events, bytes) = (Vec::new(), 0, 0);
        let (with_data, has_content, is_done) = (0, false, false);
        Held { dialect, runs, events, with_data, bytes, has_content, is_done }
    }

    /// Looks at frames until the first content.
    fn add(&mut self, run: Run, delivery: Delivery) -> Result<(), Failed> {
        for frame in run.frames() {
            self.look(frame)?;
            if self.is_ready(delivery) && !delivery.is_atomic() {
                break;
            }
        }
        self.bytes = self.bytes.saturating_add(run.bytes.len());
        self.runs.push(run);
        if delivery.is_atomic() && self.bytes > MAX_ATOMIC_BYTES {
            let failed = Failed::no_sense("the stream is too long to be held back");
            return Err(Failed { again: Again::Elsewhere, ..failed });
        }
        Ok(())
    }

    fn look(&mut self, frame: Frame<'_>) -> Result<(), Failed> {
        if self.dialect.is_error(frame) {
            let failed = Failed::no_sense("the stream held an error before its content");
            // An error in place of an answer is as sure as a status that says so.
            return Err(Failed { unknown: self.has_content, ..failed });
        }
        self.events += 1;
        self.with_data += usize::from(frame.data().is_some());
        self.has_content = self.has_content || self.dialect.content(frame).is_some();
        self.is_done = self.is_done || self.dialect.is_end(frame);
        Ok(())
    }

    /// May it go on?
    fn is_ready(&self, delivery: Delivery) -> bool {
        if delivery.is_atomic() {
            return self.is_done;
        }
        let too_much = self.events >= MAX_START_UP_EVENTS || self.bytes >= MAX_START_UP_BYTES;
        self.has_content || too_much
    }
}

/// Waits for the first content; keeps the caller alive meanwhile.
pub(super) async fn hold_back(opening: Opening<'_>, line: &mut Line) -> Result<Answer, Ended> {
    let Opening { route, screened, dialect, sent_at, headers, mut body } = opening;
    let (delivery, usage_is_ours) = (screened.delivery, screened.usage_is_ours);
    let idle = route.timeouts.idle.duration();
    let silence = Silence { idle, heartbeat: route.upstream.heartbeat };
    let mut limit = route.timeouts.first_event.duration();
    let mut silent_since = sent_at;
    let mut beat_at = Instant::now() + silence.heartbeat;
    let (mut reader, mut pieces) = (FrameReader::default(), Vec::new());
    let mut held = Held::nothing(dialect);
    loop {
        let gathered = tokio::select! {
            biased;
            why = line.cut_short() => return Err(why.into()),
            gathered = body.gather(&mut pieces) => gathered.map_err(Failed::from)?,
            () = tokio::time::sleep_until(beat_at.min(silent_since + limit)) => {
                if silent_since.elapsed() >= limit {
                    return Err(Failed::timed_out("no event", limit).into());
                }
                line.beat(&headers)?;
                beat_at = Instant::now() + silence.heartbeat;
                continue;
            }
        };
        let run = reader
            .push(joined(&mut pieces))
            .map_err(|too_long| Failed::no_sense(&too_long.to_string()))?;
        if let Some(run) = run {
            held.add(run, delivery)?;
        }
        let ended = gathered == Gathered::End;
        if held.is_ready(delivery) || (ended && reader.ends_in(|frame| dialect.is_end(frame))) {
            let first = held.runs;
            return Ok(Answer::Stream(Box::new(OpenStream {
                dialect,
                headers,
                first,
                reader,
                body,
                ended,
                silence,
                usage_is_ours,
            })));
        }
        if ended {
            return Err(Failed::no_sense("the stream ended before its content").into());
        }
        // A comment is no event: an upstream that sends nothing else is silent.
        if held.with_data > 0 {
            (silent_since, limit) = (Instant::now(), idle);
        }
    }
}
