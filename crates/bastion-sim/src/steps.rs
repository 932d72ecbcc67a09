//! An answer's body as the steps that the wire sees, faults laid in.
//!
//! It must never lay a step behind a stall or a cut.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::answer::{Content, TimedPiece};

/// One thing that a body does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Wait(Duration),
    /// An SSE frame; counted.
    Event(Bytes),
    /// Anything else.
    Bytes(Bytes),
    /// Silence until the peer leaves.
    Stall,
    /// The end of the connection in the middle.
    Cut,
}

/// What a script does to a body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Events of a stream, bytes of a body.
    pub(crate) cut_after: Option<u64>,
    pub(crate) stall_after: Option<u64>,
    /// Sent before the cut or the stall; without one, at the end.
    pub(crate) garbage: Option<Bytes>,
}

impl Faults {
    /// What breaks the body off, and after how many; the earlier one, at the same place the cut.
    fn stop(&self) -> Option<(u64, Step)> {
        match (self.cut_after, self.stall_after) {
            (Some(cut), Some(stall)) if stall < cut => Some((stall, Step::Stall)),
            (Some(cut), _) => Some((cut, Step::Cut)),
            (None, Some(stall)) => Some((stall, Step::Stall)),
            (None, None) => None,
        }
    }
}

pub(crate) struct LaidOut {
    pub(crate) steps: VecDeque<Step>,
    /// What `content-length` says; none for a body of unknown length.
    pub(crate) length_bytes: Option<usize>,
}

impl LaidOut {
    /// On HTTP/2 a cut is a reset, and a reset discards what is queued: it comes this much later.
    pub(crate) fn linger_before_cut(&mut self, wait: Duration) {
        if self.steps.pop_back_if(|step| *step == Step::Cut).is_some() {
            self.steps.extend([Step::Wait(wait), Step::Cut]);
        }
    }
}

pub(crate) fn lay_out(content: Content, faults: &Faults) -> LaidOut {
    match content {
        Content::Whole(body) => body_steps(body, faults),
        Content::Events(events) => {
            let frames = events.into_iter().map(|event| (event.wait, event.frame));
            LaidOut { steps: event_steps(frames, faults), length_bytes: None }
        }
        Content::Pieces(pieces) => {
            LaidOut { steps: piece_steps(pieces, faults), length_bytes: None }
        }
    }
}

/// A stop behind the last event is never reached: the body ends whole.
fn event_steps(
    frames: impl ExactSizeIterator<Item = (Duration, Bytes)>,
    faults: &Faults,
) -> VecDeque<Step> {
    let count = u64::try_from(frames.len()).unwrap_or(u64::MAX);
    let stop = faults.stop().filter(|(after, _)| *after <= count);
    let sent = stop.as_ref().map_or(count, |(after, _)| *after);
    let mut steps = VecDeque::new();
    for (wait, frame) in frames.take(usize::try_from(sent).unwrap_or(usize::MAX)) {
        if !wait.is_zero() {
            steps.push_back(Step::Wait(wait));
        }
        steps.push_back(Step::Event(frame));
    }
    steps.extend(faults.garbage.clone().map(Step::Bytes));
    steps.extend(stop.map(|(_, step)| step));
    steps
}

/// As a body's, by bytes; a stop behind the last byte is never reached.
fn piece_steps(pieces: Vec<TimedPiece>, faults: &Faults) -> VecDeque<Step> {
    let whole = pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>();
    let stop = faults
        .stop()
        .and_then(|(after, step)| usize::try_from(after).ok().map(|after| (after, step)))
        .filter(|(after, _)| *after <= whole);
    let mut left = stop.as_ref().map_or(whole, |(after, _)| *after);
    let mut steps = VecDeque::new();
    for TimedPiece { wait, bytes } in pieces {
        let sent = bytes.slice(..bytes.len().min(left));
        left = left.saturating_sub(sent.len());
        if sent.is_empty() {
            break;
        }
        steps.extend((!wait.is_zero()).then_some(Step::Wait(wait)));
        steps.push_back(Step::Bytes(sent));
    }
    steps.extend(faults.garbage.clone().map(Step::Bytes));
    steps.extend(stop.map(|(_, step)| step));
    steps
}

fn body_steps(body: Bytes, faults: &Faults) -> LaidOut {
    let stop = faults
        .stop()
        .and_then(|(after, step)| usize::try_from(after).ok().map(|after| (after, step)))
        .filter(|(after, _)| *after <= body.len());
    let garbage = faults.garbage.clone().unwrap_or_default();
    let length_bytes = match (&stop, garbage.is_empty()) {
        (Some(_), false) => None,
        (_, _) => Some(body.len().saturating_add(garbage.len())),
    };
    let sent = stop.as_ref().map_or(body.len(), |(after, _)| *after);
    let mut steps = VecDeque::new();
    let pieces = [body.slice(..sent), garbage];
    steps.extend(pieces.into_iter().filter(|piece| !piece.is_empty()).map(Step::Bytes));
    steps.extend(stop.map(|(_, step)| step));
    LaidOut { steps, length_bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::TimedEvent;

    fn bytes(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn faults(cut: Option<u64>, stall: Option<u64>, garbage: Option<&'static str>) -> Faults {
        Faults { cut_after: cut, stall_after: stall, garbage: garbage.map(bytes) }
    }

    fn events(faults: &Faults) -> Vec<Step> {
        let event = |frame| TimedEvent { wait: Duration::ZERO, frame: bytes(frame) };
        lay_out(Content::Events(vec![event("a"), event("b")]), faults).steps.into()
    }

    #[test]
    fn a_stop_is_the_last_step() {
        let (a, b) = (|| Step::Event(bytes("a")), || Step::Event(bytes("b")));
        assert_eq!(events(&faults(Some(0), None, None)), [Step::Cut]);
        assert_eq!(events(&faults(Some(1), Some(2), None)), [a(), Step::Cut]);
        assert_eq!(events(&faults(Some(2), Some(1), None)), [a(), Step::Stall]);
        assert_eq!(events(&faults(Some(2), Some(2), None)), [a(), b(), Step::Cut]);
        assert_eq!(events(&faults(Some(3), None, None)), [a(), b()]);
        let garbage = || Step::Bytes(bytes("?"));
        assert_eq!(events(&faults(None, None, Some("?"))), [a(), b(), garbage()]);
        assert_eq!(events(&faults(None, Some(1), Some("?"))), [a(), garbage(), Step::Stall]);
    }

    #[test]
    fn pieces_are_cut_by_bytes_and_keep_their_waits() {
        let wait = Duration::from_millis(5);
        let laid_out = |faults: &Faults| {
            let piece = |text, wait| TimedPiece { wait, bytes: bytes(text) };
            let pieces = vec![piece("abc", Duration::ZERO), piece("def", wait)];
            Vec::from(lay_out(Content::Pieces(pieces), faults).steps)
        };
        let (abc, d) = (Step::Bytes(bytes("abc")), Step::Bytes(bytes("d")));
        let whole = [abc, Step::Wait(wait), Step::Bytes(bytes("def"))];
        assert_eq!(laid_out(&faults(None, None, None)), whole);
        assert_eq!(laid_out(&faults(Some(7), None, None)), whole);
        let abc = Step::Bytes(bytes("abc"));
        let cut = laid_out(&faults(Some(4), None, None));
        assert_eq!(cut, [abc, Step::Wait(wait), d, Step::Cut]);
        assert_eq!(laid_out(&faults(None, Some(0), None)), [Step::Stall]);
    }

    #[test]
    fn a_cut_body_still_promises_its_whole_length() {
        let cut = lay_out(Content::Whole(bytes("abcd")), &faults(Some(2), None, None));
        assert_eq!(cut.steps, [Step::Bytes(bytes("ab")), Step::Cut]);
        assert_eq!(cut.length_bytes, Some(4));
        let garbled = lay_out(Content::Whole(bytes("abcd")), &faults(Some(2), None, Some("??")));
        assert_eq!(garbled.length_bytes, None);
        let whole = lay_out(Content::Whole(bytes("abcd")), &faults(Some(9), None, Some("??")));
        assert_eq!(whole.steps, [Step::Bytes(bytes("abcd")), Step::Bytes(bytes("??"))]);
        assert_eq!(whole.length_bytes, Some(6));
    }
}
