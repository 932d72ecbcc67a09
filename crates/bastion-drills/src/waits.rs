//! The waits between a call's attempts, over several calls, and what they do not show yet.
//!
//! It must never take a wait for one that any machine takes to send a request again.
//!
//! Under full jitter each wait is anything from nothing to its bound, each as likely. So one call
//! shows nothing, and what every gateway that waits well shows in the end is looked for call by call.

use std::time::Duration;

use bastion_wire::Backoff;

use crate::findings::Missed;

/// What a machine under load may add to a wait.
const SLACK: Duration = Duration::from_secs(2);

/// The waits behind the same failure are an eighth of their bound at least, in the mean. Of four
/// calls 0.3 % are below that by chance (an eighth of four is half a bound: 0.5^4 / 4!), of eight
/// one in forty thousand.
const LEAST_MEAN: u32 = 8;

/// The longest and the shortest wait behind the same failure are an eighth of the bound apart, at
/// least. Four calls are closer in 0.7 % (n·r^(n-1) - (n-1)·r^n), eight in one of three hundred
/// thousand.
const LEAST_SPREAD: u32 = 8;

/// A wait behind a later failure is longer than the first one's bound by a quarter of it. Behind the
/// second failure that is so in 37.5 % of all calls, behind further ones in more.
const GROWN_BY: u32 = 4;

/// The waits of several calls that failed equally often.
pub(crate) struct Waits {
    backoff: Backoff,
    failures: u32,
    calls: Vec<Vec<Duration>>,
}

impl Waits {
    /// No call so far; each will fail so often.
    pub(crate) fn new(backoff: Backoff, failures: u32) -> Waits {
        Waits { backoff, failures, calls: Vec::new() }
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.calls.len()
    }

    /// The most that one call may wait.
    pub(crate) fn longest_call(&self) -> Duration {
        (1..=self.failures)
            .map(|failed| self.backoff.bound(failed))
            .fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The waits of one more call, each within its bound.
    ///
    /// # Errors
    /// When one is beyond it.
    pub(crate) fn add(&mut self, waits: Vec<Duration>) -> Result<(), Missed> {
        for (failed, wait) in (1_u32..).zip(&waits) {
            let bound = self.backoff.bound(failed);
            if *wait > bound.saturating_add(SLACK) {
                let (wait, bound) = (millis(*wait), millis(bound));
                return Err(Missed::new(format!(
                    "the wait behind failure {failed} was {wait} ms, and the policy allows {bound} ms"
                )));
            }
        }
        self.calls.push(waits);
        Ok(())
    }

    /// What the calls so far do not show; none: they show all of it.
    pub(crate) fn lacking(&self) -> Option<String> {
        (1..=self.failures).find_map(|failed| self.flat(failed)).or_else(|| self.not_grown())
    }

    /// What they show, once nothing is lacking.
    pub(crate) fn shown(&self) -> String {
        let first = millis(self.longest(1));
        let base = millis(self.backoff.base);
        if self.may_grow() {
            let later = (2..=self.failures).map(|failed| self.longest(failed)).max();
            let later = millis(later.unwrap_or_default());
            format!(
                "waits that differ and grow: up to {first} ms behind the first failure, where {base} \
                 ms are allowed, and up to {later} ms behind a later one"
            )
        } else {
            format!("waits that differ: up to {first} ms, where {base} ms are allowed")
        }
    }

    /// Why the waits behind one failure are no waits, or have no jitter.
    fn flat(&self, failed: u32) -> Option<String> {
        let bound = self.backoff.bound(failed);
        let sum = self.behind(failed).fold(Duration::ZERO, Duration::saturating_add);
        let mean = sum / u32::try_from(self.calls.len()).unwrap_or(u32::MAX).max(1);
        let allowed = millis(bound);
        if mean < bound / LEAST_MEAN {
            return Some(format!(
                "behind failure {failed} the next attempt came after {} ms in the mean, and a gateway \
                 that backs off takes about half of {allowed} ms",
                millis(mean)
            ));
        }
        let (longest, shortest) = (self.longest(failed), self.behind(failed).min()?);
        (longest.saturating_sub(shortest) < bound / LEAST_SPREAD).then(|| {
            format!(
                "behind failure {failed} every wait was between {} and {} ms, of {allowed} that it may \
                 be: there is no jitter",
                millis(shortest),
                millis(longest)
            )
        })
    }

    fn not_grown(&self) -> Option<String> {
        let base = self.backoff.base;
        let grown = base.saturating_add(base / GROWN_BY);
        let is_grown = (2..=self.failures).any(|failed| self.longest(failed) >= grown);
        (self.may_grow() && !is_grown).then(|| {
            format!(
                "no wait behind a later failure was longer than {} ms, as the first may be {} ms: \
                 waits do not grow",
                millis(grown),
                millis(base)
            )
        })
    }

    /// Does the policy let a later wait be twice the first?
    fn may_grow(&self) -> bool {
        self.backoff.bound(self.failures) >= self.backoff.base.saturating_mul(2)
    }

    fn longest(&self, failed: u32) -> Duration {
        self.behind(failed).max().unwrap_or_default()
    }

    /// Every wait behind the `failed`th failure (from 1).
    fn behind(&self, failed: u32) -> impl Iterator<Item = Duration> {
        let at = usize::try_from(failed.saturating_sub(1)).unwrap_or(usize::MAX);
        self.calls.iter().filter_map(move |waits| waits.get(at).copied())
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// What these calls, in milliseconds, do not show under one second that doubles up to `cap`.
    fn lacking(calls: &[[u64; 2]], cap: Duration) -> String {
        let mut waits = Waits::new(Backoff { base: SECOND, cap }, 2);
        for call in calls {
            waits.add(call.map(Duration::from_millis).to_vec()).unwrap();
        }
        waits.lacking().unwrap_or_else(|| waits.shown())
    }

    #[test]
    fn a_wait_beyond_its_bound_does_not_fit() {
        let mut waits = Waits::new(Backoff { base: SECOND, cap: SECOND * 20 }, 2);
        assert!(waits.add(vec![Duration::ZERO, SECOND * 2]).is_ok());
        assert!(waits.add(vec![SECOND * 4]).unwrap_err().0.contains("allows 1000 ms"));
    }

    #[test]
    fn waits_that_are_none_or_even_or_never_grow_are_told_from_a_backoff() {
        let check = |calls: &[[u64; 2]], part: &str| {
            let said = lacking(calls, SECOND * 20);
            assert!(said.contains(part), "{said}");
        };
        check(&[[0, 1], [3, 0]], "failure 1 the next attempt came after 1 ms in the mean");
        check(&[[500, 0], [200, 4]], "failure 2 the next attempt came after 2 ms in the mean");
        check(&[[900, 1900]], "behind failure 1 every wait was between 900 and 900 ms");
        check(&[[1000, 2000], [1003, 2001]], "there is no jitter");
        check(&[[200, 900], [700, 300], [900, 1010]], "waits do not grow");
        check(
            &[[200, 900], [700, 1300]],
            "differ and grow: up to 700 ms behind the first failure, where 1000 ms are allowed, and \
             up to 1300 ms behind a later one",
        );
    }

    #[test]
    fn growth_is_neither_asked_for_nor_told_where_the_cap_forbids_it() {
        let calls = [[200, 900], [700, 300]];
        assert!(lacking(&calls, SECOND * 2).contains("waits do not grow"));
        let told = "waits that differ: up to 700 ms, where 1000 ms are allowed";
        assert_eq!(lacking(&calls, SECOND), told);
    }

    /// A gateway that waits well by the policy's own rule shows it in so many calls, nearly always.
    #[test]
    fn a_backoff_with_full_jitter_is_shown_within_thirty_calls() {
        let backoff = Backoff { base: SECOND, cap: SECOND * 20 };
        let mut dice = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let mut waits = Waits::new(backoff, 2);
            for _ in 0..30 {
                let call = (1..=2).map(|failed| backoff.wait(failed, dice.u32(..)));
                waits.add(call.collect()).unwrap();
            }
            assert_eq!(waits.lacking(), None);
        }
    }
}
