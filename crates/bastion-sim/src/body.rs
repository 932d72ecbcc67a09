//! Plays the steps of an answer's body onto the wire.
//!
//! It must never end a body properly that a script cuts, and never outlive its peer.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bastion_runtime::Drain;
use bytes::Bytes;
use http_body::{Body, Frame};

use crate::log::{Outcome, Record};
use crate::steps::Step;

/// Turns that the connection gets to write what it holds, before a cut. A peer that does not read
/// may miss as much as hyper buffers, at most the head limit of the connection.
const FLUSH_TURNS: u32 = 32;

/// The connection is to be dropped as it stands.
#[derive(Debug, thiserror::Error)]
#[error("the simulated upstream cuts the connection")]
pub(crate) struct Cut;

/// The body of every answer.
pub(crate) struct SimBody {
    steps: VecDeque<Step>,
    /// Answers of the sim's own pages are not recorded.
    record: Option<Record>,
    drain: Drain,
    pause: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    flush_turns: u32,
}

impl SimBody {
    pub(crate) fn new(steps: VecDeque<Step>, record: Option<Record>, drain: Drain) -> SimBody {
        let mut body = SimBody { steps, record, drain, pause: None, flush_turns: FLUSH_TURNS };
        body.finish_at_the_end();
        body
    }

    /// Written with the last frame, not when the body is dropped: who has read the end of an
    /// answer finds it in the log.
    fn finish_at_the_end(&mut self) {
        if self.steps.is_empty() {
            self.finish(Outcome::Whole);
        }
    }

    fn finish(&mut self, outcome: Outcome) {
        if let Some(record) = self.record.as_mut() {
            record.finish(outcome);
        }
    }

    fn poll_wait(&mut self, wait: Duration, context: &mut Context<'_>) -> Poll<()> {
        let pause = self.pause.get_or_insert_with(|| {
            let drain = self.drain.clone();
            Box::pin(waited(wait, drain))
        });
        ready!(pause.as_mut().poll(context));
        self.pause = None;
        Poll::Ready(())
    }

    fn poll_stall(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.pause.is_none()
            && let Some(record) = &self.record
        {
            record.stalls();
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(self.drain.clone().begun_owned()));
        pause.as_mut().poll(context)
    }

    /// hyper writes what it has buffered while a body is pending, and drops it at an error.
    fn poll_flushed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.flush_turns.checked_sub(1) {
            Some(left) => {
                self.flush_turns = left;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }

    fn sent(&mut self, bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.steps.pop_front();
        self.finish_at_the_end();
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let body = self.get_mut();
        while let Some(step) = body.steps.front() {
            match step {
                Step::Wait(wait) => {
                    ready!(body.poll_wait(*wait, context));
                    body.steps.pop_front();
                }
                Step::Event(frame) => {
                    let frame = frame.clone();
                    body.record.iter().for_each(Record::event_sent);
                    return body.sent(frame);
                }
                Step::Bytes(bytes) => {
                    let bytes = bytes.clone();
                    return body.sent(bytes);
                }
                Step::Stall => {
                    ready!(body.poll_stall(context));
                    body.finish(Outcome::Stalled);
                    return Poll::Ready(Some(Err(Cut)));
                }
                Step::Cut => {
                    ready!(body.poll_flushed(context));
                    body.finish(Outcome::Cut);
                    return Poll::Ready(Some(Err(Cut)));
                }
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }
}

/// Waits, unless a drain begins: then nobody waits for us.
pub(crate) async fn waited(wait: Duration, drain: Drain) {
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = drain.begun() => {}
    }
}
