//! The plan of one call's attempts: who is asked next, and when.
//!
//! It must never plan an attempt beyond the policy's bounds, nor ask an upstream again that said
//! something final. The next attempt goes to the next upstream in order; behind the last one the
//! first has its turn again, after its wait.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bastion_observe::AttemptOutcome;
use bastion_store::NotHeld;
use bastion_types::{AttemptCount, MonoNanos, Refusal};

use super::answer::Answer;
use super::calling::Calling;
use super::failed::{Again, Failed};
use super::outcome::{Dispatched, Outcome};
use crate::breaker::{Gate, Pass, Tripped};
use crate::line::CutShort;
use crate::policy::{RetryPolicy, Route};
use crate::retry_budget::TakenRetry;

/// What to do next.
pub(super) enum Step {
    /// Make an attempt.
    Go(Arc<Route>),
    /// Wait so long first; with a sign of life to an open stream every so often.
    Wait(Duration, Duration),
    /// There is no other attempt.
    Over,
}

/// One allowed route and what is known of it in this call.
struct Turn {
    route: Arc<Route>,
    /// It said something that another attempt would not change.
    barred: bool,
    /// Not before; none: it was not asked yet.
    ready_at: Option<MonoNanos>,
}

/// What the budget says of the next attempt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paid {
    /// It is to be asked.
    NotYet,
    /// It need not be asked: the first attempt, or one behind an upstream that sent the request
    /// away at its door.
    Free,
    /// It was taken from it.
    From(TakenRetry),
}

/// The attempts of one call.
pub(super) struct Tries<'a> {
    calling: Calling<'a>,
    retry: RetryPolicy,
    turns: Vec<Turn>,
    began: MonoNanos,
    attempts: u32,
    /// May the next attempt be made, as far as the budget goes?
    paid: Paid,
    /// What the attempt that runs was let in with.
    pass: Pass,
    last: Option<(Arc<Route>, Failed)>,
    /// Where attempts went whose outcome is not known.
    lost: Vec<Arc<Route>>,
    /// For how many of them more was set aside.
    extended: usize,
}

impl<'a> Tries<'a> {
    /// No attempt so far.
    pub(super) fn begin(calling: Calling<'a>) -> Tries<'a> {
        let began = calling.desk.gateway.tools.clock.monotonic();
        calling.desk.gateway.retry_budget.call(began);
        let turn =
            |route: &Arc<Route>| Turn { route: Arc::clone(route), barred: false, ready_at: None };
        Tries {
            calling,
            retry: calling.policy.retry,
            turns: calling.screened.routes.iter().map(turn).collect(),
            began,
            attempts: 0,
            paid: Paid::Free,
            pass: Pass::default(),
            last: None,
            lost: Vec::new(),
            extended: 0,
        }
    }

    /// How many there were, with the one that runs.
    pub(super) fn attempts(&self) -> AttemptCount {
        AttemptCount(self.attempts)
    }

    /// What to do next.
    pub(super) fn step(&mut self) -> Step {
        let now = self.now();
        let Some((index, ready_at)) = self.next(now) else { return Step::Over };
        if !self.may_begin_at(ready_at) || !self.pay(now) {
            return Step::Over;
        }
        let Some(turn) = self.turns.get(index) else { return Step::Over };
        if ready_at > now {
            return Step::Wait(now.until(ready_at), turn.route.upstream.heartbeat);
        }
        let route = Arc::clone(&turn.route);
        // Another call may have been the one that tries, just now.
        let Some(pass) = route.upstream.breaker.enter(now, self.retry.breaker) else {
            return self.step();
        };
        self.pass = pass;
        self.attempts += 1;
        self.paid = Paid::NotYet;
        Step::Go(route)
    }

    /// Who has the next turn, and when: the one that may be asked first, not before now.
    fn next(&self, now: MonoNanos) -> Option<(usize, MonoNanos)> {
        let open =
            |turn: &Turn| !turn.barred && turn.route.upstream.breaker.gate(now) == Gate::Free;
        let open = self.turns.iter().enumerate().filter(|(_, turn)| open(turn));
        // Who was not asked yet comes first, in order; then who may be asked again soonest.
        open.min_by_key(|(_, turn)| turn.ready_at.map_or((false, now), |at| (true, at)))
            .map(|(index, turn)| (index, turn.ready_at.unwrap_or(now).max(now)))
    }

    fn may_begin_at(&self, at: MonoNanos) -> bool {
        self.attempts == 0
            || (self.attempts < self.retry.attempts && self.began.until(at) <= self.retry.total)
    }

    /// An attempt is taken from the budget once.
    fn pay(&mut self, now: MonoNanos) -> bool {
        if self.paid != Paid::NotYet {
            return true;
        }
        let gateway = &self.calling.desk.gateway;
        if let Some(taken) = gateway.retry_budget.take(now, self.retry.budget_per_mille) {
            self.paid = Paid::From(taken);
            return true;
        }
        gateway.tools.metrics.retry_refused();
        tracing::warn!(
            request_id = %self.calling.arrival.id,
            "no other attempt: the retry budget of the last minute is used up"
        );
        false
    }

    /// An attempt came to nothing.
    pub(super) fn failed(&mut self, route: Arc<Route>, failed: Failed) {
        let now = self.now();
        failed.log(self.calling.arrival, &route.upstream, self.attempts);
        if failed.unknown {
            self.lost.push(Arc::clone(&route));
        }
        self.tell_breaker(&route, failed.outcome);
        let dice = self.calling.desk.gateway.dice.throw();
        let backoff = self.retry.backoff.wait(self.attempts, dice);
        let asked = failed.retry_after.map(bastion_wire::RetryAfter::wait).unwrap_or_default();
        let is_free = failed.again == Again::Elsewhere && !failed.unknown;
        self.paid = if is_free { Paid::Free } else { Paid::NotYet };
        if failed.again == Again::Never {
            self.turns.iter_mut().for_each(|turn| turn.barred = true);
        }
        if let Some(turn) = self.turns.iter_mut().find(|turn| Arc::ptr_eq(&turn.route, &route)) {
            turn.barred |= failed.again == Again::Elsewhere || asked > self.retry.backoff.cap;
            turn.ready_at = Some(now.after(backoff.max(asked)));
        }
        self.last = Some((route, failed));
    }

    fn tell_breaker(&self, route: &Route, outcome: AttemptOutcome) {
        let now = self.now();
        let upstream = &route.upstream;
        self.calling.desk.gateway.tools.metrics.attempt(&upstream.name, outcome);
        match outcome {
            AttemptOutcome::Answered | AttemptOutcome::Refused => upstream.breaker.succeeded(),
            AttemptOutcome::Failed | AttemptOutcome::Unreachable | AttemptOutcome::TimedOut => {
                if upstream.breaker.failed(self.pass, now, self.retry.breaker) == Tripped::Yes {
                    self.calling.desk.gateway.tools.metrics.breaker_opened(&upstream.name);
                    tracing::warn!(
                        upstream = %upstream.name,
                        open = ?self.retry.breaker.open,
                        "an upstream fails call after call; it is left alone for a while"
                    );
                }
            }
            AttemptOutcome::Credentials
            | AttemptOutcome::Funds
            | AttemptOutcome::RateLimited
            | AttemptOutcome::Cancelled => upstream.breaker.learnt_nothing(self.pass, now),
        }
    }

    /// Is there an attempt of unknown outcome behind which nothing more was set aside?
    pub(super) fn needs_more(&self) -> bool {
        self.attempts < self.retry.attempts && self.extended < self.lost.len()
    }

    /// More was set aside.
    pub(super) fn has_more(&mut self) {
        self.extended = self.lost.len();
    }

    /// There is no room for another attempt: the last one's failure stands.
    pub(super) fn no_more(self, why: &NotHeld) -> Dispatched {
        tracing::warn!(
            request_id = %self.calling.arrival.id, %why,
            "no other attempt: there is no money to set aside for it"
        );
        self.over()
    }

    /// The lease that holds the call's money may have ended while it waited, or while this process
    /// was frozen: nothing is sent on it.
    pub(super) fn unheld(self) -> Dispatched {
        tracing::warn!(
            request_id = %self.calling.arrival.id,
            "no attempt: what was set aside may have been swept by another node"
        );
        if self.last.is_some() {
            return self.over();
        }
        let outcome = Outcome::Failed { refusal: Refusal::LedgerUnavailable, retry_after_s: None };
        self.dispatched(None, outcome, false)
    }

    /// There is an answer.
    pub(super) fn answered(self, route: Arc<Route>, answer: Answer) -> Dispatched {
        self.tell_breaker(&route, answer.counts_as());
        self.dispatched(Some(route), Outcome::Answered(answer), false)
    }

    /// The caller left or this process ends, in an attempt or between two.
    pub(super) fn cut_short(mut self, asked: Option<Arc<Route>>, why: CutShort) -> Dispatched {
        // Nothing was sent while a connection was still being made: that costs nothing.
        let running = asked.is_some() && self.calling.sent.load(Ordering::Relaxed);
        if let Some(route) = &asked {
            self.tell_breaker(route, AttemptOutcome::Cancelled);
        }
        let route = asked.or_else(|| self.last.take().map(|(route, _)| route));
        let outcome = match why {
            CutShort::CallerLeft => Outcome::CallerLeft,
            CutShort::Stopped => {
                tracing::warn!(
                    request_id = %self.calling.arrival.id,
                    "a call was ended by the drain's deadline"
                );
                Outcome::Failed { refusal: Refusal::Stopped, retry_after_s: None }
            }
        };
        self.dispatched(route, outcome, running)
    }

    /// No attempt is left: the last one's failure, or nobody could be asked.
    pub(super) fn over(mut self) -> Dispatched {
        let Some((route, failed)) = self.last.take() else {
            let outcome = Outcome::Failed { refusal: self.nobody(), retry_after_s: None };
            return self.dispatched(None, outcome, false);
        };
        let retry_after_s = failed.retry_after.map(bastion_wire::RetryAfter::whole_seconds);
        let outcome = Outcome::Failed { refusal: failed.refusal, retry_after_s };
        self.dispatched(Some(route), outcome, false)
    }

    /// Every breaker is open; or no upstream is allowed, which `screen` has refused before.
    fn nobody(&self) -> Refusal {
        let now = self.now();
        let shut =
            self.turns.iter().filter_map(|turn| match turn.route.upstream.breaker.gate(now) {
                Gate::ShutFor(wait) => Some(wait),
                Gate::Free => None,
            });
        let Some(least) = shut.min() else { return Refusal::NoAllowedRegion };
        let whole_seconds = least.as_millis().div_ceil(1000).max(1);
        Refusal::NotNow { retry_after_s: u32::try_from(whole_seconds).unwrap_or(u32::MAX) }
    }

    fn dispatched(self, route: Option<Arc<Route>>, outcome: Outcome, unknown: bool) -> Dispatched {
        if let Paid::From(taken) = self.paid {
            // What was to come is not made.
            self.calling.desk.gateway.retry_budget.give_back(taken);
        }
        let attempts = self.attempts();
        Dispatched { route, attempts, outcome, unknown, lost: self.lost }
    }

    fn now(&self) -> MonoNanos {
        self.calling.desk.gateway.tools.clock.monotonic()
    }
}
