//! The state of one key: all three limits taken together, or none of them.
//!
//! It must never keep what it took of the first limit when the second one refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bastion_types::{MonoNanos, RateKind};

use crate::away::Away;
use crate::bucket::Bucket;
use crate::denial::{Denied, InTheWay, slot_shortage};
use crate::rate::Shortage;
use crate::slots::Slots;
use crate::{KeyLimits, Standing};

/// What one call wants beside its one request and one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The bound of what it may use, in tokens.
    pub tokens: u64,
}

/// What the calls of one key have taken.
#[derive(Debug)]
pub struct KeyState {
    limits: KeyLimits,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    slots: Option<Slots>,
}

/// An admitted call. It holds its slot until it is dropped; dropping does nothing else.
#[derive(Debug)]
#[must_use = "dropping the permit gives the slot back"]
pub struct Permit {
    state: Arc<KeyState>,
    standing: Standing,
    /// Tokens that this call has taken and not given back.
    held_tokens: AtomicU64,
    /// Where they end in the bucket.
    tokens_end: AtomicU64,
    /// What it has taken outside this process; dropped with the permit, it comes back as well.
    away: Option<Box<Away>>,
}

impl KeyState {
    pub(crate) fn new(limits: KeyLimits) -> KeyState {
        KeyState {
            limits,
            requests: limits.rpm.map(|rpm| Bucket::new(rpm.into())),
            tokens: limits.tpm.map(Bucket::new),
            slots: limits.concurrency.map(Slots::new),
        }
    }

    /// The limits that this state counts.
    pub fn limits(&self) -> KeyLimits {
        self.limits
    }

    /// Takes one request, the tokens and a slot, or nothing.
    ///
    /// Never more is admitted than the limits say. While another call is between taking and giving
    /// back, a call may be refused that would have fitted a moment later.
    ///
    /// # Errors
    /// When one of the limits does not allow it.
    pub fn admit(self: &Arc<Self>, ask: Ask, now: MonoNanos) -> Result<Permit, Denied> {
        // Looked at first, so that a call that is refused anyway takes nothing from others.
        if let Some((kind, shortage)) = self.in_the_way(ask, now).longest() {
            return Err(self.denied(kind, shortage, now));
        }
        if let Some(slots) = self.slots.as_ref().filter(|slots| !slots.take()) {
            let wait = slot_shortage(slots.limit(), u32::MAX).unwrap_or(Shortage::Never);
            return Err(self.denied(RateKind::Concurrency, wait, now));
        }
        // From here the slot comes back by itself.
        let mut permit = self.permit();
        if let Some(requests) = &self.requests {
            let taken = requests
                .take(1, now)
                .map_err(|shortage| self.denied(RateKind::Requests, shortage, now))?;
            permit.standing.requests = Some(taken.standing);
        }
        if let Some(tokens) = &self.tokens {
            let taken = tokens.take(ask.tokens, now).map_err(|shortage| {
                self.requests.iter().for_each(|requests| requests.give_back(1));
                self.denied(RateKind::Tokens, shortage, now)
            })?;
            permit.standing.tokens = Some(taken.standing);
            permit.held_tokens = AtomicU64::new(ask.tokens);
            permit.tokens_end = AtomicU64::new(taken.end_parts);
        }
        Ok(permit)
    }

    /// Takes as much, beyond the limits if need be: the call is admitted elsewhere.
    pub(crate) fn admitted_elsewhere(self: &Arc<Self>, ask: Ask, now: MonoNanos) -> Permit {
        self.slots.iter().for_each(Slots::take_anyway);
        let mut permit = self.permit();
        if let Some(requests) = &self.requests {
            requests.take_into_debt(1, now);
        }
        if let Some(tokens) = &self.tokens {
            let debt = tokens.take_into_debt(ask.tokens, now);
            permit.held_tokens = AtomicU64::new(ask.tokens.saturating_sub(debt.forgiven));
            permit.tokens_end = AtomicU64::new(debt.end_parts);
        }
        permit
    }

    /// Where the key stands with its rates.
    pub fn standing(&self, now: MonoNanos) -> Standing {
        Standing {
            requests: self.requests.as_ref().map(|bucket| bucket.standing(now)),
            tokens: self.tokens.as_ref().map(|bucket| bucket.standing(now)),
        }
    }

    fn permit(self: &Arc<Self>) -> Permit {
        Permit {
            state: Arc::clone(self),
            standing: Standing::default(),
            held_tokens: AtomicU64::new(0),
            tokens_end: AtomicU64::new(0),
            away: None,
        }
    }

    fn in_the_way(&self, ask: Ask, now: MonoNanos) -> InTheWay {
        InTheWay {
            requests: self.requests.as_ref().and_then(|bucket| bucket.shortage(1, now)),
            tokens: self.tokens.as_ref().and_then(|bucket| bucket.shortage(ask.tokens, now)),
            slots: self
                .slots
                .as_ref()
                .and_then(|slots| slot_shortage(slots.limit(), slots.seem_taken())),
        }
    }

    fn denied(&self, kind: RateKind, shortage: Shortage, now: MonoNanos) -> Denied {
        Denied::new(kind, shortage, self.standing(now))
    }
}

impl Permit {
    /// It has taken this outside the process, and stands so there.
    pub(crate) fn with_away(mut self, away: Away) -> Permit {
        if let Some(standing) = away.standing() {
            self.standing = standing;
        }
        self.away = Some(Box::new(away));
        self
    }

    /// Where the key stood just after this call was admitted.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Where the key stands now; where others count it as well, as far as this process knows.
    pub fn standing_now(&self, now: MonoNanos) -> Standing {
        let away = self.away.as_ref().and_then(|away| away.standing());
        away.unwrap_or_else(|| self.state.standing(now))
    }

    /// The call is over and used `used` tokens: what was not used comes back, unless time has refilled it
    /// already; what was used beyond is taken, into debt if need be (at most one whole bucket). Said
    /// again, the last word counts.
    pub fn settle_tokens(&self, used: u64, now: MonoNanos) {
        self.away.iter().for_each(|away| away.settle_tokens(used, now));
        let Some(bucket) = &self.state.tokens else { return };
        let held = self.held_tokens.swap(used, Ordering::AcqRel);
        if let Some(unused @ 1..) = held.checked_sub(used) {
            let end = self.tokens_end.load(Ordering::Acquire);
            bucket.give_back(unused.min(bucket.not_refilled(end, now)));
        }
        if let Some(beyond @ 1..) = used.checked_sub(held) {
            let debt = bucket.take_into_debt(beyond, now);
            self.held_tokens.fetch_sub(debt.forgiven, Ordering::AcqRel);
            self.tokens_end.store(debt.end_parts, Ordering::Release);
        }
    }

    /// The call was refused after it was admitted: the tokens come back, the request does not.
    pub fn give_back_tokens(&self, now: MonoNanos) {
        self.settle_tokens(0, now);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.state.slots.iter().for_each(Slots::give_back);
    }
}

#[cfg(test)]
mod tests;
