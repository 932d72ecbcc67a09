//! What a key is allowed: the three limits that an operator can give it.
//!
//! It must never hold what was used; that is the key's state.

/// The limits of one key; none means no limit. A limit of 0 admits nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyLimits {
    /// Requests a minute: a bucket of so many that refills so many a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute, likewise; above [`MAX_PER_MINUTE`](crate::MAX_PER_MINUTE) counts as that.
    pub tpm: Option<u64>,
    /// Calls at the same time.
    pub concurrency: Option<u32>,
}
