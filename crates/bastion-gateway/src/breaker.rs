//! A circuit breaker for each upstream: after failures in a row nobody asks it for a while, then
//! one caller's own call tries it.
//!
//! It must never send anything just to probe: a paid call is somebody's own. Source: interface,
//! `[retry] breaker`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bastion_types::{MonoNanos, UpstreamName};
use parking_lot::Mutex;

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BreakerBounds {
    /// Failures in a row.
    pub(crate) failures: u32,
    /// How long nobody asks.
    pub(crate) open: Duration,
}

/// Every upstream's breaker by its name; a reload finds the old ones again.
#[derive(Default)]
pub struct Breakers {
    breakers: Mutex<HashMap<UpstreamName, Arc<Breaker>>>,
}

impl Breakers {
    /// This upstream's.
    pub(crate) fn of(&self, upstream: &UpstreamName) -> Arc<Breaker> {
        Arc::clone(self.breakers.lock().entry(upstream.clone()).or_default())
    }
}

/// One upstream's breaker.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    /// Nobody may ask before; none: closed.
    closed_until: Option<MonoNanos>,
    /// Counts the times that it opened and the calls that tried: what an older call learns is no
    /// news while it is open.
    turn: u64,
}

/// What a call that was let in shows when it tells what came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Pass {
    turn: u64,
}

/// May this upstream be asked now?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Yes.
    Free,
    /// Not yet; after so long a call may try.
    ShutFor(Duration),
}

/// What a failure did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tripped {
    /// From now on nobody asks for a while.
    Yes,
    /// It is one of few, or the breaker was open before.
    No,
}

impl Breaker {
    /// Looks, without taking anything.
    pub(crate) fn gate(&self, now: MonoNanos) -> Gate {
        match self.state.lock().closed_until {
            Some(until) if until > now => Gate::ShutFor(now.until(until)),
            Some(_) | None => Gate::Free,
        }
    }

    /// A call goes to this upstream. Behind an open time it is the one that tries: all others wait
    /// until it is back, at most another open time.
    pub(crate) fn enter(&self, now: MonoNanos, bounds: BreakerBounds) -> Option<Pass> {
        let mut state = self.state.lock();
        match state.closed_until {
            Some(until) if until > now => return None,
            Some(_) => {
                state.closed_until = Some(now.after(bounds.open));
                state.turn += 1;
            }
            None => {}
        }
        Some(Pass { turn: state.turn })
    }

    /// It answered: all may ask.
    pub(crate) fn succeeded(&self) {
        let mut state = self.state.lock();
        (state.failures, state.closed_until) = (0, None);
    }

    /// It failed. A call that was let in before the breaker opened does not keep it open longer.
    pub(crate) fn failed(&self, pass: Pass, now: MonoNanos, bounds: BreakerBounds) -> Tripped {
        let mut state = self.state.lock();
        let was_open = state.closed_until.is_some();
        if was_open && pass.turn != state.turn {
            return Tripped::No;
        }
        state.failures = state.failures.saturating_add(1);
        if state.failures < bounds.failures {
            return Tripped::No;
        }
        state.closed_until = Some(now.after(bounds.open));
        state.turn += 1;
        if was_open { Tripped::No } else { Tripped::Yes }
    }

    /// The call that went there says nothing about it: if it was the one that tried, whoever comes
    /// next may try.
    pub(crate) fn learnt_nothing(&self, pass: Pass, now: MonoNanos) {
        let mut state = self.state.lock();
        if state.closed_until.is_some() && pass.turn == state.turn {
            state.closed_until = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: BreakerBounds = BreakerBounds { failures: 3, open: Duration::from_nanos(100) };

    fn nanos(count: u64) -> Duration {
        Duration::from_nanos(count)
    }

    fn at(nanos: i64) -> MonoNanos {
        MonoNanos(nanos)
    }

    fn entered(breaker: &Breaker, now: i64) -> Pass {
        breaker.enter(at(now), BOUNDS).unwrap()
    }

    fn failed(breaker: &Breaker, now: i64) -> Tripped {
        breaker.failed(entered(breaker, now), at(now), BOUNDS)
    }

    fn tripped_at(now: i64) -> Breaker {
        let breaker = Breaker::default();
        assert_eq!(failed(&breaker, now), Tripped::No);
        assert_eq!(failed(&breaker, now), Tripped::No);
        assert_eq!(failed(&breaker, now), Tripped::Yes);
        breaker
    }

    #[test]
    fn failures_in_a_row_shut_the_gate_for_a_while() {
        let breaker = tripped_at(0);
        assert_eq!(breaker.gate(at(0)), Gate::ShutFor(nanos(100)));
        assert_eq!(breaker.gate(at(60)), Gate::ShutFor(nanos(40)));
        assert_eq!(breaker.enter(at(60), BOUNDS), None);
        assert_eq!(breaker.gate(at(100)), Gate::Free);
    }

    #[test]
    fn a_success_in_between_begins_the_count_anew() {
        let breaker = Breaker::default();
        for _ in 0..10 {
            assert_eq!(failed(&breaker, 0), Tripped::No);
            assert_eq!(failed(&breaker, 0), Tripped::No);
            breaker.succeeded();
        }
        assert_eq!(breaker.gate(at(0)), Gate::Free);
    }

    #[test]
    fn behind_the_open_time_one_call_tries_and_decides_for_all() {
        let breaker = tripped_at(0);
        let pass = entered(&breaker, 100);
        assert_eq!(breaker.gate(at(100)), Gate::ShutFor(nanos(100)), "only one tries");
        assert_eq!(breaker.enter(at(100), BOUNDS), None);
        assert_eq!(breaker.failed(pass, at(110), BOUNDS), Tripped::No, "it stays open");
        assert_eq!(breaker.gate(at(209)), Gate::ShutFor(nanos(1)));
        entered(&breaker, 210);
        breaker.succeeded();
        assert_eq!(failed(&breaker, 212), Tripped::No);
        assert_eq!(breaker.gate(at(212)), Gate::Free);
    }

    #[test]
    fn a_try_that_says_nothing_leaves_the_next_one_to_try() {
        let breaker = tripped_at(0);
        let pass = entered(&breaker, 100);
        breaker.learnt_nothing(pass, at(120));
        assert!(breaker.enter(at(120), BOUNDS).is_some());
    }

    #[test]
    fn what_older_calls_learn_neither_ends_nor_prolongs_the_open_time() {
        let breaker = Breaker::default();
        let old = entered(&breaker, 0);
        for _ in 0..3 {
            failed(&breaker, 0);
        }
        breaker.learnt_nothing(old, at(10));
        assert_eq!(breaker.failed(old, at(90), BOUNDS), Tripped::No);
        assert_eq!(breaker.gate(at(90)), Gate::ShutFor(nanos(10)));
        let pass = entered(&breaker, 100);
        breaker.learnt_nothing(old, at(110));
        assert_eq!(breaker.failed(old, at(110), BOUNDS), Tripped::No);
        assert_eq!(breaker.gate(at(110)), Gate::ShutFor(nanos(90)), "somebody tries");
        breaker.failed(pass, at(120), BOUNDS);
        assert_eq!(breaker.gate(at(120)), Gate::ShutFor(nanos(100)));
    }

    #[test]
    fn a_reload_finds_the_old_breaker() {
        let breakers = Breakers::default();
        let name = UpstreamName::parse("one").unwrap();
        for _ in 0..3 {
            failed(&breakers.of(&name), 0);
        }
        assert_eq!(breakers.of(&name).gate(at(1)), Gate::ShutFor(nanos(99)));
        assert_eq!(breakers.of(&UpstreamName::parse("two").unwrap()).gate(at(1)), Gate::Free);
    }
}
