//! How long to wait before the next attempt: exponential, with full jitter.
//!
//! It must never wait longer than the cap. Source: 'Exponential Backoff and Jitter' (AWS, 2015).

use std::time::Duration;

/// The bounds of the waits between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The most before the second attempt.
    pub base: Duration,
    /// The most before any attempt.
    pub cap: Duration,
}

impl Backoff {
    /// The wait behind the `failed`th failed attempt (from 1), for `dice` out of all its values:
    /// anything from nothing to the bound.
    pub fn wait(&self, failed: u32, dice: u32) -> Duration {
        let bound = self.bound(failed);
        let nanos = bound.as_nanos().saturating_mul(u128::from(dice)) / u128::from(u32::MAX);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The most that is waited behind the `failed`th failed attempt.
    pub fn bound(&self, failed: u32) -> Duration {
        let doublings = failed.saturating_sub(1).min(31);
        self.base.saturating_mul(1_u32 << doublings).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE_TO_TWENTY: Backoff =
        Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(20) };

    #[test]
    fn the_bound_doubles_up_to_the_cap() {
        let bounds = (1..=7).map(|failed| ONE_TO_TWENTY.bound(failed).as_secs());
        assert_eq!(bounds.collect::<Vec<_>>(), [1, 2, 4, 8, 16, 20, 20]);
    }

    proptest! {
        #[test]
        fn jitter_is_full_and_bounded(failed in 1_u32..=u32::MAX, dice: u32) {
            prop_assert!(ONE_TO_TWENTY.wait(failed, dice) <= ONE_TO_TWENTY.bound(failed));
            prop_assert_eq!(ONE_TO_TWENTY.wait(failed, 0), Duration::ZERO);
            prop_assert_eq!(ONE_TO_TWENTY.wait(failed, u32::MAX), ONE_TO_TWENTY.bound(failed));
        }
    }
}
