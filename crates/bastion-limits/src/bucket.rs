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

/// The highest rate that is counted, a minute: about 69 billion. A limit above counts as this.
///
/// So the parts of 292 years, all that [`MonoNanos`] can tell, fit into 64 bits.
pub const MAX_PER_MINUTE: u64 = 1 << 36;

const NANOS_PER_MINUTE: u64 = 60_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// A bucket of `limit` that refills `limit` a minute. It begins full.
#[derive(Debug)]
pub(crate) struct Bucket {
    limit: u64,
    parts_per_token: u64,
    /// A whole bucket, which is also what a minute refills.
    capacity_parts: u64,
    /// Nothing else is published through this word, so `Relaxed` is enough everywhere.
    ahead_parts: AtomicU64,
}

/// Why nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// So many nanoseconds until it would fit, if nobody else takes.
    Wait { nanos: u64 },
    /// More than the whole bucket.
    Never,
}

impl Bucket {
    pub(crate) fn new(per_minute: u64) -> Bucket {
        let limit = per_minute.min(MAX_PER_MINUTE);
        // As fine as 64 bits allow: a part is refilled in 0.9 to 1.8 nanoseconds.
        let parts_per_token = MAX_PER_MINUTE.checked_div(limit).unwrap_or(1);
        let capacity_parts = limit.saturating_mul(parts_per_token);
        Bucket { limit, parts_per_token, capacity_parts, ahead_parts: AtomicU64::new(0) }
    }

    /// Takes `amount` whole, or nothing.
    pub(crate) fn take(&self, amount: u64, now: MonoNanos) -> Result<RateStanding, Shortage> {
        let refilled = self.refilled_parts(now);
        let taken = |ahead: u64| self.with_taken(ahead, amount, refilled).ok();
        match self.ahead_parts.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken) {
            Ok(before) => {
                let ahead = self.with_taken(before, amount, refilled).unwrap_or(before);
                Ok(self.standing_at(ahead, refilled))
            }
            Err(ahead) => {
                Err(self.with_taken(ahead, amount, refilled).err().unwrap_or(Shortage::Never))
            }
        }
    }

    /// Why `amount` would not fit at this moment, if so; takes nothing.
    pub(crate) fn shortage(&self, amount: u64, now: MonoNanos) -> Option<Shortage> {
        let ahead = self.ahead_parts.load(Ordering::Relaxed);
        self.with_taken(ahead, amount, self.refilled_parts(now)).err()
    }

    /// Gives back what was taken; the bucket never holds more than a whole one.
    pub(crate) fn give_back(&self, amount: u64) {
        let parts = amount.saturating_mul(self.parts_per_token);
        let less = |ahead: u64| Some(ahead.saturating_sub(parts));
        self.update(less);
    }

    /// Takes `amount` even into debt, which ends at one whole bucket below zero.
    ///
    /// Returns how much was not taken because of that end.
    pub(crate) fn take_into_debt(&self, amount: u64, now: MonoNanos) -> u64 {
        let refilled = self.refilled_parts(now);
        let deepest = refilled.saturating_add(self.capacity_parts.saturating_mul(2));
        let parts = amount.saturating_mul(self.parts_per_token);
        let more = |ahead: u64| {
            let wanted = ahead.max(refilled).saturating_add(parts);
            // A thread with an older `now` must not forgive what another has taken.
            Some(wanted.min(deepest).max(ahead))
        };
        let before = self.update(more).max(refilled);
        let room = deepest.saturating_sub(before).checked_div(self.parts_per_token).unwrap_or(0);
        amount.saturating_sub(room)
    }

    /// How the bucket stands at this moment.
    pub(crate) fn standing(&self, now: MonoNanos) -> RateStanding {
        self.standing_at(self.ahead_parts.load(Ordering::Relaxed), self.refilled_parts(now))
    }

    fn update(&self, step: impl FnMut(u64) -> Option<u64>) -> u64 {
        self.ahead_parts
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
            .unwrap_or_else(|unchanged| unchanged)
    }

    /// The word after taking `amount`.
    fn with_taken(&self, ahead: u64, amount: u64, refilled: u64) -> Result<u64, Shortage> {
        if amount > self.limit {
            return Err(Shortage::Never);
        }
        let cost = amount.saturating_mul(self.parts_per_token);
        let after = ahead.max(refilled).saturating_add(cost);
        let last = refilled.saturating_add(self.capacity_parts);
        match after.checked_sub(last) {
            None | Some(0) => Ok(after),
            Some(parts) => Err(Shortage::Wait { nanos: self.refill_nanos(parts) }),
        }
    }

    fn standing_at(&self, ahead: u64, refilled: u64) -> RateStanding {
        let used = ahead.saturating_sub(refilled);
        let left = self.capacity_parts.saturating_sub(used);
        RateStanding {
            limit: self.limit,
            remaining: left.checked_div(self.parts_per_token).unwrap_or(0),
            reset_ms: self.refill_nanos(used).div_ceil(NANOS_PER_MILLI),
        }
    }

    /// All that was refilled since the clock began, rounded down.
    fn refilled_parts(&self, now: MonoNanos) -> u64 {
        let nanos = u128::try_from(now.0).unwrap_or(0);
        let parts = nanos.saturating_mul(self.capacity_parts.into()) / u128::from(NANOS_PER_MINUTE);
        u64::try_from(parts).unwrap_or(u64::MAX)
    }

    /// How long it takes to refill so many parts, rounded up.
    fn refill_nanos(&self, parts: u64) -> u64 {
        let nanos = u128::from(parts).saturating_mul(NANOS_PER_MINUTE.into());
        let nanos = nanos.saturating_add(u128::from(self.capacity_parts).saturating_sub(1));
        nanos
            .checked_div(self.capacity_parts.into())
            .and_then(|nanos| u64::try_from(nanos).ok())
            .unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
