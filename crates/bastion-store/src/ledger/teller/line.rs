//! The waiting line: calls that fit once others have settled. First come, first served.
//!
//! It must never keep anyone beyond the time that it may wait.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::super::order::{NotHeld, Shortage};
use super::task::Waiting;
use crate::StoreError;

/// Most calls that wait; one more is told at once that its room is reserved.
const MAX_WAITING: usize = 4096;

/// The line.
#[derive(Default)]
pub(super) struct Line {
    waiting: VecDeque<(Box<Waiting>, Shortage)>,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Everyone in the line, in order; those whose time is over are told so.
    pub(super) fn take(&mut self) -> Vec<Waiting> {
        let now = Instant::now();
        let mut left = Vec::with_capacity(self.waiting.len());
        for (waiting, shortage) in self.waiting.drain(..) {
            if waiting.answer.is_closed() {
                continue;
            }
            if waiting.until <= now {
                refuse(*waiting, NotHeld::Reserved(shortage));
            } else {
                left.push(*waiting);
            }
        }
        left
    }

    /// Waits behind the others.
    pub(super) fn queue(&mut self, waiting: Box<Waiting>, shortage: Shortage) {
        if waiting.until <= Instant::now() || self.waiting.len() >= MAX_WAITING {
            refuse(*waiting, NotHeld::Reserved(shortage));
        } else {
            self.waiting.push_back((waiting, shortage));
        }
    }

    /// There will be no other round.
    pub(super) fn turn_away_all(&mut self) {
        for (waiting, _) in self.waiting.drain(..) {
            refuse(*waiting, NotHeld::unavailable(&StoreError::Closed));
        }
    }

    /// When the first of them has waited long enough.
    pub(super) fn first_end(&self) -> Option<Instant> {
        self.waiting.iter().map(|(waiting, _)| waiting.until).min()
    }
}

/// Nobody may be there any more to hear it: then nothing was set aside, either.
pub(super) fn refuse(waiting: Waiting, why: NotHeld) {
    drop(waiting.answer.send(Err(why)));
}
