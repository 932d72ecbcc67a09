//! The passage of frames from the upstream's body to the caller's, until one side ends.
//!
//! It must never wait for a reader without a limit, nor take a slow reader for a silent upstream.

use std::pin::pin;
use std::time::Duration;

use bastion_types::{Refusal, StreamOutcome, Usage};
use bastion_wire::{Frame, FrameReader, Run, error_event, frame_usage, is_error_frame};
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::Instant;

use super::relayed::CALLER_LEFT;
use crate::path::dispatch::joined;
use crate::path::door::Arrival;
use crate::pool::{Gathered, UpstreamBody};

/// A caller who has not read for so long is taken to have left.
const MAX_READER_PAUSE: Duration = Duration::from_mins(10);

/// The caller left, or reads no more.
#[derive(Debug, Clone, Copy)]
struct ReaderGone;

/// What ended a stream.
pub(super) enum End {
    /// The upstream ended its body properly, or sent its terminal event.
    Body,
    /// The upstream broke off, went silent or sent what is no stream; why, for the log.
    Broken(String),
    /// The caller left.
    CallerLeft,
}

/// What is learnt from the frames that pass.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) passed_bytes: u64,
    pub(super) done: bool,
    failed: bool,
    pub(super) usage: Option<Usage>,
}

impl Seen {
    fn look(&mut self, frame: Frame<'_>) {
        if frame.is_done() {
            self.done = true;
            return;
        }
        self.failed = self.failed || is_error_frame(frame);
        let Some(data) = frame.data() else { return };
        if let Some(usage) = frame_usage(&data) {
            self.usage = Some(usage);
        }
    }
}

/// The way from the upstream's body to the caller's.
pub(super) struct Passage {
    pub(super) feed: mpsc::Sender<Bytes>,
    pub(super) reader: FrameReader,
    pub(super) seen: Seen,
}

impl Passage {
    /// Passes frames on until one side ends.
    pub(super) async fn run(
        &mut self,
        (first, ended): (Run, bool),
        body: &mut UpstreamBody,
        idle: Duration,
    ) -> End {
        if self.pass(first).await.is_err() {
            return End::CallerLeft;
        }
        if ended || self.has_ended() {
            return End::Body;
        }
        let feed = self.feed.clone();
        let mut caller_left = pin!(feed.closed());
        let mut silence = pin!(tokio::time::sleep(idle));
        let mut last = Instant::now();
        let mut pieces = Vec::new();
        loop {
            let gathered = tokio::select! {
                biased;
                () = caller_left.as_mut() => return End::CallerLeft,
                gathered = body.gather(&mut pieces) => gathered,
                () = silence.as_mut() => {
                    // Set anew once it is over, not with every event.
                    if last.elapsed() >= idle {
                        return End::Broken(format!("nothing came for {idle:?}"));
                    }
                    silence.as_mut().reset(last + idle);
                    continue;
                }
            };
            let run = match self.reader.push(joined(&mut pieces)) {
                Ok(run) => run,
                Err(too_long) => return End::Broken(too_long.to_string()),
            };
            if let Some(run) = run
                && self.pass(run).await.is_err()
            {
                return End::CallerLeft;
            }
            // Set behind the hand-over: a slow reader is no silence of the upstream's.
            last = Instant::now();
            match gathered {
                Ok(Gathered::Some) if !self.has_ended() => {}
                Ok(Gathered::Some | Gathered::End) => return End::Body,
                Err(cut) => return End::Broken(cut.to_string()),
            }
        }
    }

    /// Hands frames on; waits while the caller does not read, within [`MAX_READER_PAUSE`].
    async fn pass(&mut self, run: Run) -> Result<(), ReaderGone> {
        for frame in run.frames() {
            self.seen.look(frame);
        }
        let length = u64::try_from(run.bytes.len()).unwrap_or(u64::MAX);
        if let Err(gone) = self.hand_over(run.bytes).await {
            self.seen.done = false;
            return Err(gone);
        }
        self.seen.passed_bytes = self.seen.passed_bytes.saturating_add(length);
        Ok(())
    }

    /// The terminal event has gone on, with the whole of its line end.
    fn has_ended(&self) -> bool {
        self.seen.done && !self.reader.may_go_on_with_lf()
    }

    async fn hand_over(&self, bytes: Bytes) -> Result<(), ReaderGone> {
        match self.feed.try_send(bytes) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => Err(ReaderGone),
            Err(TrySendError::Full(bytes)) => {
                let sent = tokio::time::timeout(MAX_READER_PAUSE, self.feed.send(bytes)).await;
                if let Ok(Ok(())) = sent { Ok(()) } else { Err(ReaderGone) }
            }
        }
    }

    /// The last words: a clean end where the upstream made one, an error event where it did not.
    pub(super) async fn close(
        &mut self,
        arrival: &Arrival,
        end: End,
    ) -> (StreamOutcome, Option<&'static str>) {
        let rest = std::mem::take(&mut self.reader).finish();
        let cause = match end {
            End::Body | End::Broken(_) if self.seen.done => return self.end_whole(rest).await,
            End::CallerLeft if self.seen.done => return (StreamOutcome::Whole, None),
            End::CallerLeft => return (StreamOutcome::Cancelled, Some(CALLER_LEFT)),
            End::Body => "the body ended without a terminal event".to_owned(),
            End::Broken(cause) => cause,
        };
        if Frame::of(&rest).is_done() && rest.ends_with(b"\n") {
            // The terminal event is there, only its blank line is missing.
            return self.end_whole(Bytes::from([&rest[..], b"\n"].concat())).await;
        }
        tracing::warn!(request_id = %arrival.id, cause, "a stream was interrupted");
        let refusal = Refusal::StreamInterrupted;
        let told =
            self.seen.failed || self.hand_over(error_event(&refusal, &arrival.id)).await.is_ok();
        let outcome = if told { StreamOutcome::Interrupted } else { StreamOutcome::Cancelled };
        (outcome, Some(refusal.code()))
    }

    /// A clean end, with what the upstream sent behind its last frame.
    async fn end_whole(&self, rest: Bytes) -> (StreamOutcome, Option<&'static str>) {
        if !rest.is_empty() && self.hand_over(rest).await.is_err() {
            return (StreamOutcome::Cancelled, Some(CALLER_LEFT));
        }
        if self.seen.failed {
            // The upstream's own error event has gone on: whatever ends behind it is no answer.
            return (StreamOutcome::Interrupted, Some(Refusal::StreamInterrupted.code()));
        }
        (StreamOutcome::Whole, None)
    }
}
