//! What a key is allowed: the three limits that an operator can give it.
//!
//! It must never hold what was used; that is the key's state.

use std::num::NonZeroU32;

/// The limits of one key; none means no limit. A limit of 0 admits nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KeyLimits {
    /// Requests a minute: a bucket of so many that refills so many a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute, likewise; above [`MAX_PER_MINUTE`](crate::MAX_PER_MINUTE) counts as that.
    pub tpm: Option<u64>,
    /// Calls at the same time.
    pub concurrency: Option<u32>,
}

impl KeyLimits {
    /// Is there none?
    pub fn is_none(&self) -> bool {
        *self == KeyLimits::default()
    }

    /// One node's part where so many divide them: rounded down, but never to nothing, so that a
    /// small limit still admits one on each node.
    #[must_use]
    pub fn share(self, nodes: NonZeroU32) -> KeyLimits {
        let part = |limit: u32| limit.min(1).max(limit / nodes);
        let wide = |limit: u64| limit.min(1).max(limit / u64::from(nodes.get()));
        KeyLimits {
            rpm: self.rpm.map(part),
            tpm: self.tpm.map(wide),
            concurrency: self.concurrency.map(part),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(limit: u32, nodes: u32, expect: u32) {
        let limits =
            KeyLimits { rpm: Some(limit), tpm: Some(limit.into()), concurrency: Some(limit) };
        let share = limits.share(NonZeroU32::new(nodes).unwrap());
        assert_eq!(share.rpm, Some(expect), "{limit} on {nodes}");
        assert_eq!((share.tpm, share.concurrency), (Some(expect.into()), Some(expect)));
    }

    #[test]
    fn shares_add_up_to_no_more_than_the_limit_unless_it_is_smaller_than_the_nodes() {
        check(60, 1, 60);
        check(60, 3, 20);
        check(61, 3, 20);
        check(2, 3, 1);
        check(0, 3, 0);
        assert!(KeyLimits::default().share(NonZeroU32::MIN).is_none());
    }
}
