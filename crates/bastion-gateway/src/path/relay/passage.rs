//! The passage of frames from the upstream's body to the caller's, until one side ends.
//!
//! It must never wait for a reader without a limit, nor take a slow reader for a silent upstream.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bastion_observe::Redactor;
use bastion_types::{Refusal, StreamOutcome, Usage};
use bastion_wire::{Dialect, Frame, FrameReader, Run, error_event};
use bytes::Bytes;
use tokio::time::Instant;

use super::passed::Passed;
use super::relayed::{CALLER_LEFT, STOPPED};
use crate::line::{CallerLeft, CutShort, Feed};
use crate::path::dispatch::{Silence, joined};
use crate::path::door::Arrival;
use crate::pool::{Gathered, UpstreamBody};

/// How long the LF may take that belongs to a terminal event which ends in a CR.
const MAX_LAST_LF_WAIT: Duration = Duration::from_millis(250);

/// Why a stream is not whole that its upstream ended properly, for the log.
const NO_TERMINAL_EVENT: &str = "the body ended without a terminal event";

/// What ended a stream.
pub(super) enum End {
    /// The upstream ended its body properly, or sent its terminal event.
    Body,
    /// The upstream broke off, went silent or sent what is no stream; why, for the log.
    Broken(String),
    /// The caller left.
    CallerLeft,
    /// This process ends.
    Stopped,
}

impl From<CutShort> for End {
    fn from(why: CutShort) -> End {
        match why {
            CutShort::CallerLeft => End::CallerLeft,
            CutShort::Stopped => End::Stopped,
        }
    }
}

/// What is learnt from the frames that pass.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) passed: Passed,
    pub(super) done: bool,
    failed: bool,
    pub(super) usage: Option<Usage>,
}

impl Seen {
    fn look(&mut self, dialect: Dialect, frame: Frame<'_>) {
        self.done = self.done || dialect.is_end(frame);
        self.failed = self.failed || dialect.is_error(frame);
        let Some(data) = frame.data() else { return };
        if let Some(usage) = dialect.usage(&data) {
            self.usage = Some(usage);
        }
    }
}

/// The way from the upstream's body to the caller's.
pub(super) struct Passage {
    feed: Feed,
    dialect: Dialect,
    reader: FrameReader,
    seen: Seen,
    /// The caller did not ask for the usage: its frame does not go on.
    usage_is_ours: bool,
    /// The last frame did not go on; an LF that comes late belongs to it.
    took_out_last: bool,
    redactor: Arc<Redactor>,
    /// What was handed on last, where events have numbers: an error of ours would be the next.
    passed: Bytes,
}

impl Passage {
    pub(super) fn new(
        feed: Feed,
        (dialect, reader): (Dialect, FrameReader),
        usage_is_ours: bool,
        redactor: Arc<Redactor>,
    ) -> Passage {
        Passage {
            feed,
            dialect,
            reader,
            seen: Seen { passed: Passed::stream(dialect), ..Seen::default() },
            usage_is_ours,
            took_out_last: false,
            redactor,
            passed: Bytes::new(),
        }
    }

    /// What was learnt; the caller's stream ends here.
    pub(super) fn into_seen(self) -> Seen {
        self.seen
    }

    /// Passes frames on until one side ends.
    pub(super) async fn run(
        &mut self,
        (first, ended): (Vec<Run>, bool),
        body: &mut UpstreamBody,
        silence: Silence,
    ) -> End {
        for run in first {
            if self.pass(run).await.is_err() {
                return End::CallerLeft;
            }
        }
        if ended || self.has_ended() {
            return End::Body;
        }
        let feed = self.feed.clone();
        let mut cut_short = pin!(feed.cut_short());
        let mut clock = SilenceClock::start(self.awaited(silence));
        let mut alarm = pin!(tokio::time::sleep_until(clock.due()));
        let mut pieces = Vec::new();
        loop {
            let gathered = tokio::select! {
                biased;
                why = cut_short.as_mut() => return why.into(),
                gathered = body.gather(&mut pieces) => gathered,
                () = alarm.as_mut() => {
                    // Set anew once it is over, not with every event.
                    match clock.ring() {
                        Ring::Broken => {
                            return End::Broken(format!("nothing came for {:?}", silence.idle));
                        }
                        Ring::Beat if self.beat().is_err() => return End::CallerLeft,
                        Ring::Beat | Ring::Early => {}
                    }
                    alarm.as_mut().reset(clock.due());
                    continue;
                }
            };
            let run = match self.reader.push(joined(&mut pieces)) {
                Ok(run) => run,
                Err(too_long) => return End::Broken(too_long.to_string()),
            };
            let told = run.is_some();
            if let Some(run) = run
                && self.pass(run).await.is_err()
            {
                return End::CallerLeft;
            }
            // Set behind the hand-over: a slow reader is no silence of the upstream's.
            clock.moved(told);
            match gathered {
                Ok(Gathered::End) => return End::Body,
                Ok(Gathered::Some) if self.has_ended() => return End::Body,
                Ok(Gathered::Some) if self.seen.done => {
                    clock.silence = self.awaited(silence);
                    alarm.as_mut().reset(clock.due());
                }
                Ok(Gathered::Some) => {}
                Err(cut) => return End::Broken(cut.to_string()),
            }
        }
    }

    /// Hands frames on.
    async fn pass(&mut self, mut run: Run) -> Result<(), CallerLeft> {
        if std::mem::take(&mut self.took_out_last) {
            run = run.without_belated_lf();
        }
        let mut ours = Vec::new();
        for (index, frame) in self.dialect.notable_frames(&run) {
            self.seen.look(self.dialect, frame);
            if self.usage_is_ours && self.dialect.is_usage_alone(frame) {
                ours.push(index);
            }
        }
        self.took_out_last = ours.last().is_some_and(|last| run.is_last(*last));
        let mut bytes = run.without(&ours);
        if self.seen.failed {
            bytes = self.without_keys(bytes);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        if self.dialect == Dialect::Responses {
            self.passed = bytes.clone();
        }
        let length = bytes.len();
        if let Err(gone) = self.feed.pass(bytes).await {
            self.seen.done = false;
            return Err(gone);
        }
        self.seen.passed.add(&run, length);
        Ok(())
    }

    /// A sign of life, where a line of ours may stand.
    fn beat(&self) -> Result<(), CallerLeft> {
        if self.reader.is_between_frames() && !self.reader.may_go_on_with_lf() {
            return self.feed.beat();
        }
        Ok(())
    }

    /// Behind the terminal event at most an LF is still to come.
    fn awaited(&self, silence: Silence) -> Silence {
        if self.seen.done { Silence { idle: MAX_LAST_LF_WAIT, ..silence } } else { silence }
    }

    /// An upstream's error may repeat a part of our key there.
    fn without_keys(&self, bytes: Bytes) -> Bytes {
        match self.redactor.redact(&String::from_utf8_lossy(&bytes)) {
            Cow::Borrowed(_) => bytes,
            Cow::Owned(clean) => Bytes::from(clean),
        }
    }

    /// The terminal event has gone on, with the whole of its line end.
    fn has_ended(&self) -> bool {
        self.seen.done && !self.reader.may_go_on_with_lf()
    }

    /// The last words: a clean end where the upstream made one, an error event where it did not.
    pub(super) async fn close(
        &mut self,
        arrival: &Arrival,
        end: End,
    ) -> (StreamOutcome, Option<&'static str>) {
        let (cause, refusal) = match end {
            // Bytes without an end behind it go no further.
            End::Body | End::Broken(_) | End::Stopped if self.seen.done => {
                return self.end_whole(None).await;
            }
            End::CallerLeft if self.seen.done => return (StreamOutcome::Whole, None),
            End::CallerLeft => return (StreamOutcome::Cancelled, Some(CALLER_LEFT)),
            End::Body => (NO_TERMINAL_EVENT.to_owned(), Refusal::StreamInterrupted),
            End::Broken(cause) => (cause, Refusal::StreamInterrupted),
            End::Stopped => (STOPPED.to_owned(), Refusal::Stopped),
        };
        if self.reader.ends_in(|frame| self.dialect.is_end(frame)) {
            // The terminal event is there, only its blank line is missing.
            let rest = std::mem::take(&mut self.reader).finish();
            self.seen.look(self.dialect, Frame::of(&rest));
            return self.end_whole(Some(Bytes::from([&rest[..], b"\n"].concat()))).await;
        }
        tracing::warn!(request_id = %arrival.id, cause, "a stream was interrupted");
        let event = error_event(&refusal, &arrival.id, self.dialect.error_place(&self.passed));
        let told = self.seen.failed || self.feed.pass(event).await.is_ok();
        let outcome = if told { StreamOutcome::Interrupted } else { StreamOutcome::Cancelled };
        (outcome, Some(refusal.code()))
    }

    /// A clean end, with a terminal event that is not handed on yet.
    async fn end_whole(&self, last: Option<Bytes>) -> (StreamOutcome, Option<&'static str>) {
        if let Some(last) = last
            && self.feed.pass(last).await.is_err()
        {
            return (StreamOutcome::Cancelled, Some(CALLER_LEFT));
        }
        if self.seen.failed {
            // The upstream's own error event has gone on: whatever ends behind it is no answer.
            return (StreamOutcome::Interrupted, Some(Refusal::StreamInterrupted.code()));
        }
        (StreamOutcome::Whole, None)
    }
}

/// How long the upstream has said nothing, and when its caller had the last sign of life.
struct SilenceClock {
    silence: Silence,
    moved: Instant,
    beaten: Instant,
}

/// What the clock says when it rings.
enum Ring {
    /// The upstream is silent for too long.
    Broken,
    /// The caller needs a sign of life.
    Beat,
    /// Something came meanwhile.
    Early,
}

impl SilenceClock {
    fn start(silence: Silence) -> SilenceClock {
        let now = Instant::now();
        SilenceClock { silence, moved: now, beaten: now }
    }

    /// The upstream said something; its caller was `told`, unless it was half a frame.
    fn moved(&mut self, told: bool) {
        self.moved = Instant::now();
        if told {
            self.beaten = self.moved;
        }
    }

    fn due(&self) -> Instant {
        (self.moved + self.silence.idle).min(self.beaten + self.silence.heartbeat)
    }

    fn ring(&mut self) -> Ring {
        let now = Instant::now();
        if now >= self.moved + self.silence.idle {
            return Ring::Broken;
        }
        if now < self.beaten + self.silence.heartbeat {
            return Ring::Early;
        }
        self.beaten = now;
        Ring::Beat
    }
}
