//! One rate as a bucket: GCRA on a single atomic word.
//!
//! The word is the 'theoretical arrival time' of GCRA, kept in parts of a token instead of
//! nanoseconds, so that N tokens are exactly N and rounding never adds up: the bucket is full when
//! the word is not ahead of all that was ever refilled, and empty when it is a whole bucket ahead.
//!
//! It must never wait, lock or lose a count, and never admit more than its limit says.

use std::sync::atomic::{AtomicU64, Ordering};

use bastion_types::MonoNanos;

use crate::RateStanding;
use crate::rate::{Rate, Shortage};

/// A bucket of `limit` that refills `limit` a minute. It begins full.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: Rate,
    /// Nothing else is published through this word, so `Relaxed` is enough everywhere.
    ahead_parts: AtomicU64,
}

/// What was taken, and where it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// How the bucket stood then.
    pub(crate) standing: RateStanding,
    /// The word behind it: once so much was refilled, all of it is.
    pub(crate) end_parts: u64,
}

/// What was taken into debt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Debt {
    /// How much was not taken because debt has an end.
    pub(crate) forgiven: u64,
    /// As [`Taken::end_parts`].
    pub(crate) end_parts: u64,
}

impl Bucket {
    pub(crate) fn new(per_minute: u64) -> Bucket {
        Bucket { rate: Rate::per_minute(per_minute), ahead_parts: AtomicU64::new(0) }
    }

    /// Takes `amount` whole, or nothing.
    pub(crate) fn take(&self, amount: u64, now: MonoNanos) -> Result<Taken, Shortage> {
        let refilled = self.rate.refilled_parts(now);
        let taken = |ahead: u64| self.with_taken(ahead, amount, refilled).ok();
        match self.ahead_parts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken) {
            Ok(before) => {
                let ahead = self.with_taken(before, amount, refilled).unwrap_or(before);
                Ok(Taken { standing: self.standing_at(ahead, refilled), end_parts: ahead })
            }
            Err(ahead) => {
                Err(self.with_taken(ahead, amount, refilled).err().unwrap_or(Shortage::Never))
            }
        }
    }

    /// Why `amount` would not fit at this moment, if so; takes nothing.
    pub(crate) fn shortage(&self, amount: u64, now: MonoNanos) -> Option<Shortage> {
        let ahead = self.ahead_parts.load(Ordering::Relaxed);
        self.with_taken(ahead, amount, self.rate.refilled_parts(now)).err()
    }

    /// Of what was taken up to this word: how much no time has refilled yet, a part of a token as a whole
    /// one. Only that can be given back, or it would be there twice.
    pub(crate) fn not_refilled(&self, end_parts: u64, now: MonoNanos) -> u64 {
        let ahead = end_parts.saturating_sub(self.rate.refilled_parts(now));
        ahead.div_ceil(self.rate.parts_per_token().max(1))
    }

    /// Gives back what was taken; the bucket never holds more than a whole one.
    pub(crate) fn give_back(&self, amount: u64) {
        let parts = self.rate.parts(amount);
        let less = |ahead: u64| Some(ahead.saturating_sub(parts));
        self.update(less);
    }

    /// Takes `amount` even into debt, which ends at one whole bucket below zero.
    pub(crate) fn take_into_debt(&self, amount: u64, now: MonoNanos) -> Debt {
        let refilled = self.rate.refilled_parts(now);
        let deepest = refilled.saturating_add(self.rate.capacity_parts().saturating_mul(2));
        let parts = self.rate.parts(amount);
        let more = |ahead: u64| {
            let wanted = ahead.max(refilled).saturating_add(parts);
            // A thread with an older `now` must not forgive what another has taken.
            wanted.min(deepest).max(ahead)
        };
        let before = self.update(|ahead| Some(more(ahead)));
        let room = deepest.saturating_sub(before.max(refilled));
        let taken = room.checked_div(self.rate.parts_per_token()).unwrap_or(0);
        Debt { forgiven: amount.saturating_sub(taken), end_parts: more(before) }
    }

    /// How the bucket stands at this moment.
    pub(crate) fn standing(&self, now: MonoNanos) -> RateStanding {
        self.standing_at(self.ahead_parts.load(Ordering::Relaxed), self.rate.refilled_parts(now))
    }

    fn update(&self, step: impl FnMut(u64) -> Option<u64>) -> u64 {
        self.ahead_parts
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
            .unwrap_or_else(|unchanged| unchanged)
    }

    /// The word after taking `amount`.
    fn with_taken(&self, ahead: u64, amount: u64, refilled: u64) -> Result<u64, Shortage> {
        let used = self.rate.taken(ahead.saturating_sub(refilled), amount)?;
        Ok(refilled.saturating_add(used))
    }

    fn standing_at(&self, ahead: u64, refilled: u64) -> RateStanding {
        self.rate.standing(ahead.saturating_sub(refilled))
    }
}

#[cfg(test)]
mod tests;
