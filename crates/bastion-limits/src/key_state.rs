//! The state of one key: all three limits taken together, or none of them.
//!
//! It must never keep what it took of the first limit when the second one refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bastion_types::{MonoNanos, RateKind};

use crate::bucket::{Bucket, Shortage};
use crate::slots::Slots;
use crate::{KeyLimits, Standing};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// When a slot may be free again cannot be known; a second is what we name.
const SLOT_WAIT_NANOS: u64 = NANOS_PER_SECOND;

/// What one call wants beside its one request and one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask {
    /// The bound of what it may use, in tokens.
    pub tokens: u64,
}

/// Why a call is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denied {
    /// The limit that is in the way longest.
    pub kind: RateKind,
    /// Until it may fit, in whole seconds, at least 1.
    pub retry_after_s: u32,
    /// It can never fit: the tokens asked are above the whole bucket, or the limit is 0.
    pub never: bool,
    /// Where the key stands with its rates.
    pub standing: Standing,
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
        if let Some((kind, shortage)) = self.worst_shortage(ask, now) {
            return Err(self.denied(kind, shortage, now));
        }
        if self.slots.as_ref().is_some_and(|slots| !slots.take()) {
            let wait = Shortage::Wait { nanos: SLOT_WAIT_NANOS };
            return Err(self.denied(RateKind::Concurrency, wait, now));
        }
        // From here the slot comes back by itself.
        let mut permit = Permit {
            state: Arc::clone(self),
            standing: Standing::default(),
            held_tokens: AtomicU64::new(0),
        };
        if let Some(requests) = &self.requests {
            let standing = requests
                .take(1, now)
                .map_err(|shortage| self.denied(RateKind::Requests, shortage, now))?;
            permit.standing.requests = Some(standing);
        }
        if let Some(tokens) = &self.tokens {
            let standing = tokens.take(ask.tokens, now).map_err(|shortage| {
                self.requests.iter().for_each(|requests| requests.give_back(1));
                self.denied(RateKind::Tokens, shortage, now)
            })?;
            permit.standing.tokens = Some(standing);
            permit.held_tokens = AtomicU64::new(ask.tokens);
        }
        Ok(permit)
    }

    /// Where the key stands with its rates.
    pub fn standing(&self, now: MonoNanos) -> Standing {
        Standing {
            requests: self.requests.as_ref().map(|bucket| bucket.standing(now)),
            tokens: self.tokens.as_ref().map(|bucket| bucket.standing(now)),
        }
    }

    /// The limit that is in the way longest, if one is.
    fn worst_shortage(&self, ask: Ask, now: MonoNanos) -> Option<(RateKind, Shortage)> {
        let requests = self.requests.as_ref().and_then(|bucket| bucket.shortage(1, now));
        let tokens = self.tokens.as_ref().and_then(|bucket| bucket.shortage(ask.tokens, now));
        let slots = self.slots.as_ref().and_then(|slots| match slots.limit() {
            0 => Some(Shortage::Never),
            _ => (!slots.seems_free()).then_some(Shortage::Wait { nanos: SLOT_WAIT_NANOS }),
        });
        // The last of equals wins, so a rate is named before concurrency.
        [(RateKind::Concurrency, slots), (RateKind::Tokens, tokens), (RateKind::Requests, requests)]
            .into_iter()
            .filter_map(|(kind, shortage)| Some((kind, shortage?)))
            .max_by_key(|(_, shortage)| wait_nanos(*shortage))
    }

    fn denied(&self, kind: RateKind, shortage: Shortage, now: MonoNanos) -> Denied {
        let seconds = wait_nanos(shortage).div_ceil(NANOS_PER_SECOND).max(1);
        Denied {
            kind,
            retry_after_s: u32::try_from(seconds).unwrap_or(u32::MAX),
            never: shortage == Shortage::Never,
            standing: self.standing(now),
        }
    }
}

fn wait_nanos(shortage: Shortage) -> u64 {
    match shortage {
        Shortage::Wait { nanos } => nanos,
        Shortage::Never => u64::MAX,
    }
}

impl Permit {
    /// Where the key stood just after this call was admitted.
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Where the key stands now.
    pub fn standing_now(&self, now: MonoNanos) -> Standing {
        self.state.standing(now)
    }

    /// The call is over and used `used` tokens: what was not used comes back, what was used beyond
    /// is taken, into debt if need be (at most one whole bucket). Said again, the last word counts.
    pub fn settle_tokens(&self, used: u64, now: MonoNanos) {
        let Some(bucket) = &self.state.tokens else { return };
        let held = self.held_tokens.swap(used, Ordering::AcqRel);
        if let Some(unused @ 1..) = held.checked_sub(used) {
            bucket.give_back(unused);
        }
        if let Some(beyond @ 1..) = used.checked_sub(held) {
            let forgiven = bucket.take_into_debt(beyond, now);
            self.held_tokens.fetch_sub(forgiven, Ordering::AcqRel);
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
