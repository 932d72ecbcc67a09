//! What one call has taken outside this process: it comes back when this is dropped.
//!
//! It must never wait: it is written into the book, and the keeper sends it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use bastion_types::MonoNanos;

use crate::Standing;
use crate::book::{Account, Book, CallNumber};
use crate::rate::Rate;

/// What a call has taken.
#[derive(Debug)]
pub(crate) struct Away {
    book: Arc<Book>,
    account: Account,
    call: CallNumber,
    there: Option<There>,
}

/// What was counted in Redis for it.
#[derive(Debug)]
pub(crate) struct There {
    standing: Standing,
    /// The rate of tokens, what of it is used with this call, and the tokens that it took.
    tokens: Option<(Rate, u64, u64)>,
    /// When it took them.
    began: MonoNanos,
    /// The last word about the tokens that it used, and when that was said.
    used: AtomicU64,
    settled_ns: AtomicI64,
}

impl There {
    /// It stood so when it had taken `taken` tokens, and `used_parts` of them are used.
    pub(crate) fn new(
        standing: Standing,
        tokens: Option<(Rate, u64)>,
        (taken, began): (u64, MonoNanos),
    ) -> There {
        let tokens = tokens.map(|(rate, used_parts)| (rate, used_parts, taken));
        let (used, settled_ns) = (AtomicU64::new(taken), AtomicI64::new(began.0));
        There { standing, tokens, began, used, settled_ns }
    }

    /// The last word about what was used.
    pub(crate) fn settle(&self, used: u64, now: MonoNanos) {
        self.used.store(used, Ordering::Release);
        self.settled_ns.store(now.0, Ordering::Release);
    }

    fn standing_now(&self) -> Standing {
        let Some((rate, used_parts, taken)) = self.tokens else { return self.standing };
        let used = self.used.load(Ordering::Acquire);
        let unused = rate.parts(taken.saturating_sub(used));
        let beyond = rate.parts(used.saturating_sub(taken));
        let deepest = rate.capacity_parts().saturating_mul(2);
        let used_parts = used_parts.saturating_sub(unused).saturating_add(beyond).min(deepest);
        Standing { tokens: Some(rate.standing(used_parts)), ..self.standing }
    }

    /// Tokens to give back; below zero, to take beyond.
    pub(crate) fn refund(&self) -> i64 {
        let Some((rate, used_parts, taken)) = self.tokens else { return 0 };
        let signed = |tokens: u64| i64::try_from(tokens).unwrap_or(i64::MAX);
        // More than two buckets change nothing: neither a debt nor a bucket holds them.
        let most = rate.limit().saturating_mul(2);
        let used = self.used.load(Ordering::Acquire);
        let unused = taken.saturating_sub(used).min(self.not_refilled(rate, used_parts));
        let unused = signed(unused.min(most));
        unused.saturating_sub(signed(used.saturating_sub(taken).min(most)))
    }
}

impl There {
    /// As the bucket of this process has it: what time has refilled is not given back as well.
    fn not_refilled(&self, rate: Rate, used_parts: u64) -> u64 {
        let settled = MonoNanos(self.settled_ns.load(Ordering::Acquire));
        let since = rate.refilled_parts(settled).saturating_sub(rate.refilled_parts(self.began));
        used_parts.saturating_sub(since).div_ceil(rate.parts_per_token().max(1))
    }
}

impl Away {
    /// A call of this account; without `there` only its slot is told to Redis.
    pub(crate) fn new(
        book: &Arc<Book>,
        account: Account,
        call: CallNumber,
        there: Option<There>,
    ) -> Away {
        book.runs(account, call);
        Away { book: Arc::clone(book), account, call, there }
    }

    /// Where the key stands there, as far as this process knows.
    pub(crate) fn standing(&self) -> Option<Standing> {
        self.there.as_ref().map(There::standing_now)
    }

    /// What the call used; said again, the last word counts.
    pub(crate) fn settle_tokens(&self, used: u64, now: MonoNanos) {
        self.there.iter().for_each(|there| there.settle(used, now));
    }
}

impl Drop for Away {
    fn drop(&mut self) {
        let refund = self.there.as_ref().map_or(0, There::refund);
        self.book.ended(self.account, self.call, refund);
    }
}
