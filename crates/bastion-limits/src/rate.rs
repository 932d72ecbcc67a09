//! The arithmetic of one rate: GCRA in parts of a token, pure functions of what is used and when.
//!
//! The same arithmetic, step for step, is in `shared/limits.lua`, for a Redis whose numbers are
//! exact to 53 bits only. Neither may change without the other: a test plays both.
//!
//! It must never keep a count, and never round in the caller's favour twice.

use bastion_types::MonoNanos;

use crate::RateStanding;

/// The highest rate that is counted, a minute: about 69 billion. A limit above counts as this.
///
/// So the parts of 292 years, all that [`MonoNanos`] can tell, fit into 64 bits.
pub const MAX_PER_MINUTE: u64 = 1 << 36;

const NANOS_PER_MINUTE: u64 = 60_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// A bucket of `limit` that refills `limit` a minute.
///
/// What is 'used' is told in parts: 0 where the bucket is full, a whole capacity where it is empty,
/// two where it is in the deepest debt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    limit: u64,
    parts_per_token: u64,
    /// A whole bucket, which is also what a minute refills.
    capacity_parts: u64,
}

/// Why nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// So many nanoseconds until it would fit, if nobody else takes.
    Wait { nanos: u64 },
    /// More than the whole bucket.
    Never,
}

impl Rate {
    pub(crate) fn per_minute(per_minute: u64) -> Rate {
        let limit = per_minute.min(MAX_PER_MINUTE);
        // As fine as 64 bits allow: a part is refilled in 0.9 to 1.8 nanoseconds.
        let parts_per_token = MAX_PER_MINUTE.checked_div(limit).unwrap_or(1);
        Rate { limit, parts_per_token, capacity_parts: limit.saturating_mul(parts_per_token) }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn parts_per_token(&self) -> u64 {
        self.parts_per_token
    }

    pub(crate) fn capacity_parts(&self) -> u64 {
        self.capacity_parts
    }

    /// So many tokens as parts.
    pub(crate) fn parts(&self, amount: u64) -> u64 {
        amount.saturating_mul(self.parts_per_token)
    }

    /// What is used once `amount` is taken whole, or why it cannot be.
    pub(crate) fn taken(&self, used: u64, amount: u64) -> Result<u64, Shortage> {
        if amount > self.limit {
            return Err(Shortage::Never);
        }
        let after = used.saturating_add(self.parts(amount));
        match after.checked_sub(self.capacity_parts) {
            None | Some(0) => Ok(after),
            Some(parts) => Err(Shortage::Wait { nanos: self.refill_nanos(parts) }),
        }
    }

    /// How the bucket stands.
    pub(crate) fn standing(&self, used: u64) -> RateStanding {
        let left = self.capacity_parts.saturating_sub(used);
        RateStanding {
            limit: self.limit,
            remaining: left.checked_div(self.parts_per_token).unwrap_or(0),
            reset_ms: self.refill_nanos(used).div_ceil(NANOS_PER_MILLI),
        }
    }

    /// All that was refilled since the clock began, rounded down.
    pub(crate) fn refilled_parts(&self, now: MonoNanos) -> u64 {
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
