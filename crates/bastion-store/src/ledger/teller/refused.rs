//! Settlements that the database refuses though it is there: found by halves, then put aside, so that
//! one takes nobody with it.
//!
//! It must never drop one: it is tried again as long as the process lives.

use std::collections::VecDeque;

use tokio::time::{Duration, Instant};

use super::BATCH_TASKS;
use super::task::Settling;

/// Most settlements that are put aside; beyond them the rest stays with what is owed.
const MAX_ASIDE: usize = 1024;

/// From one that was refused to its next try.
const AGAIN: Duration = Duration::from_secs(60);

/// What is suspected, and what is sure.
pub(super) struct Refused {
    /// So many of what is owed are tried at once.
    at_once: usize,
    aside: VecDeque<Settling>,
    again_at: Option<Instant>,
}

impl Default for Refused {
    fn default() -> Refused {
        Refused { at_once: BATCH_TASKS, aside: VecDeque::new(), again_at: None }
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

    /// Puts one aside that was refused by itself.
    ///
    /// # Errors
    /// Gives it back when there are too many.
    pub(super) fn put_aside(&mut self, one: Settling, now: Instant) -> Result<(), Settling> {
        if self.aside.len() >= MAX_ASIDE {
            return Err(one);
        }
        self.aside.push_back(one);
        self.again_at = Some(now + AGAIN);
        Ok(())
    }

    /// One to try again by itself, once it is time; the next has its turn at once if it is taken.
    pub(super) fn again(&mut self, now: Instant) -> Option<Settling> {
        self.due().filter(|at| *at <= now).and_then(|_| self.aside.pop_front())
    }

    /// When the next is tried.
    pub(super) fn due(&self) -> Option<Instant> {
        self.again_at.filter(|_| !self.aside.is_empty())
    }

    /// How many are put aside.
    pub(super) fn count(&self) -> usize {
        self.aside.len()
    }
}
