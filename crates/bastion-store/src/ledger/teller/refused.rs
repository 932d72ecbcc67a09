//! Settlements that the database refuses though it is there: found by halves, then put aside, so that
//! one takes nobody with it.
//!
//! It must never drop one: it is tried again as long as the process lives, and once more at its end.

use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

use super::batch::BATCH_TASKS;
use super::task::Settling;

/// Most settlements that are put aside; beyond them the rest stays with what is owed.
const MAX_ASIDE: usize = 1024;

/// From one that was refused to its next try.
const AGAIN: Duration = Duration::from_mins(1);

/// What is suspected, and what is sure.
pub(super) struct Refused {
    /// So many of what is owed are tried at once.
    at_once: usize,
    /// Each with the time of its next try, the soonest first.
    aside: VecDeque<(Instant, Settling)>,
}

impl Default for Refused {
    fn default() -> Refused {
        Refused { at_once: BATCH_TASKS, aside: VecDeque::new() }
    }
}

impl Refused {
    /// Among so many one was refused: fewer are tried, apart from all others.
    pub(super) fn suspect(&mut self, count: usize) {
        self.at_once = (count.min(self.at_once) / 2).max(1);
    }

    /// How many of what is owed are tried apart from all others; none: they need not be.
    pub(super) fn suspects(&self) -> Option<usize> {
        (self.at_once < BATCH_TASKS).then_some(self.at_once)
    }

    /// These were taken: more may be tried.
    pub(super) fn were_taken(&mut self) {
        self.at_once = self.at_once.saturating_mul(2).min(BATCH_TASKS);
    }

    /// Nothing is owed.
    pub(super) fn nobody(&mut self) {
        self.at_once = BATCH_TASKS;
    }

    /// Puts one aside that was refused by itself; it comes back when there are too many.
    pub(super) fn put_aside(&mut self, one: Settling, now: Instant) -> Option<Settling> {
        if self.aside.len() >= MAX_ASIDE {
            return Some(one);
        }
        self.aside.push_back((now + AGAIN, one));
        None
    }

    /// One to try again by itself, once it is time.
    pub(super) fn again(&mut self, now: Instant) -> Option<Settling> {
        self.due().filter(|at| *at <= now)?;
        self.aside.pop_front().map(|(_, one)| one)
    }

    /// When the next is tried.
    pub(super) fn due(&self) -> Option<Instant> {
        self.aside.front().map(|(at, _)| *at)
    }

    /// Those that are put aside.
    pub(super) fn all(&self) -> impl Iterator<Item = &Settling> {
        self.aside.iter().map(|(_, one)| one)
    }

    /// Takes them all, for the last try.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Settling> + use<> {
        std::mem::take(&mut self.aside).into_iter().map(|(_, one)| one)
    }
}
