//! Where a key stands with its rates: what `x-ratelimit-*` tells the caller.
//!
//! It must never be used to decide: it is a picture that is old when it is read.

/// Both rates of a key at the moment of a decision; none where the key has no such limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Requests a minute.
    pub requests: Option<RateStanding>,
    /// Tokens a minute.
    pub tokens: Option<RateStanding>,
}

/// One rate of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateStanding {
    /// The whole bucket: how many a minute.
    pub limit: u64,
    /// How many are left, rounded down; 0 in debt.
    pub remaining: u64,
    /// Until the bucket is full again, in milliseconds, rounded up.
    pub reset_ms: u64,
}
