//! What is asked of Redis and what it answers: one run of `limits.lua`.
//!
//! It must never decide anything: what is decided there is only put into types here.

use std::fmt::Write;
use std::sync::LazyLock;
use std::time::Duration;

use redis::{Cmd, Script, Value};

use crate::book::{Account, Book, CallNumber, Returns};
use crate::denial::{Denied, InTheWay, slot_shortage};
use crate::rate::Rate;
use crate::{Ask, KeyLimits, Standing};

/// Where the script takes its time from.
const SERVER_TIME: &str = "local time = redis.call('TIME')\n";

const LIMITS: &str = include_str!("limits.lua");

/// The script, with its name in Redis.
pub(super) static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(&code(SERVER_TIME)));

pub(super) fn code(time: &str) -> String {
    [time, LIMITS].concat()
}

/// How keys are named and how long a slot is held without a word.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) prefix: String,
    pub(super) lease: Duration,
}

/// One run of the script for one account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) account: Account,
    /// The call that asks, if one does.
    pub(super) call: Option<(Ask, CallNumber)>,
    pub(super) returns: &'a Returns,
    /// Calls that go on.
    pub(super) running: &'a [CallNumber],
}

/// What the account had used before, and whether the call was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) admitted: bool,
    pub(super) used_requests: u64,
    pub(super) used_tokens: u64,
    pub(super) taken_slots: u32,
}

impl Question<'_> {
    /// As a command.
    pub(super) fn command(&self, book: &Book, terms: &Terms) -> Cmd {
        let Account { key, limits } = self.account;
        let mut command = redis::cmd("EVALSHA");
        let id = key.as_str();
        let slots = format!("{{{}:{id}}}:slots", terms.prefix);
        command.arg(SCRIPT.get_hash()).arg(2).arg(rates_key(&terms.prefix, id, limits)).arg(slots);
        for per_minute in [limits.rpm.map(u64::from), limits.tpm] {
            match per_minute.map(Rate::per_minute) {
                Some(rate) => command.arg(rate.limit()).arg(rate.parts_per_token()),
                None => command.arg("").arg(0),
            };
        }
        let most = Rate::per_minute(limits.tpm.unwrap_or_default()).limit();
        match limits.concurrency {
            Some(slots) => command.arg(slots),
            None => command.arg(""),
        };
        command.arg(micros(terms.lease)).arg(self.returns.refund);
        match self.call {
            // One more than the whole bucket never fits either, and is exact in Redis.
            Some((ask, call)) => command
                .arg(ask.tokens.min(most.saturating_add(1)))
                .arg(if limits.concurrency.is_some() { book.name(call) } else { String::new() }),
            None => command.arg("").arg(""),
        };
        command.arg(self.returns.calls.len());
        for call in self.returns.calls.iter().chain(self.running) {
            command.arg(book.name(*call));
        }
        command
    }
}

/// Other limits are another bucket, which begins full. The braces keep a key's two on one node of
/// a cluster.
fn rates_key(prefix: &str, id: &str, limits: KeyLimits) -> String {
    let mut key = format!("{{{prefix}:{id}}}:rates");
    for limit in [limits.rpm.map(u64::from), limits.tpm] {
        // Writing to a text cannot fail.
        let _ok = match limit {
            Some(limit) => write!(key, ":{limit}"),
            None => write!(key, ":-"),
        };
    }
    key
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

impl Reply {
    /// From what Redis answered; none where that is no answer of the script's.
    pub(super) fn read(value: &Value) -> Option<Reply> {
        let Value::Array(numbers) = value else { return None };
        let mut numbers = numbers.iter().map(|number| {
            let Value::Int(number) = number else { return None };
            u64::try_from(*number).ok()
        });
        let mut next = || numbers.next().flatten();
        Some(Reply {
            admitted: next()? == 1,
            used_requests: next()?,
            used_tokens: next()?,
            taken_slots: u32::try_from(next()?).unwrap_or(u32::MAX),
        })
    }

    /// Why this call was not admitted.
    pub(super) fn denied(&self, limits: KeyLimits, ask: Ask) -> Denied {
        let [requests, tokens] = rates(limits);
        let in_the_way = InTheWay {
            requests: requests.and_then(|rate| rate.taken(self.used_requests, 1).err()),
            tokens: tokens.and_then(|rate| rate.taken(self.used_tokens, ask.tokens).err()),
            slots: limits.concurrency.and_then(|limit| slot_shortage(limit, self.taken_slots)),
        };
        let standing = Standing {
            requests: requests.map(|rate| rate.standing(self.used_requests)),
            tokens: tokens.map(|rate| rate.standing(self.used_tokens)),
        };
        let unknown = || slot_shortage(1, 1).map(|wait| (bastion_types::RateKind::Requests, wait));
        let (kind, shortage) = in_the_way
            .longest()
            .or_else(unknown)
            .unwrap_or((bastion_types::RateKind::Requests, crate::rate::Shortage::Never));
        Denied::new(kind, shortage, standing)
    }

    /// Where the key stands with this call admitted, and its tokens as `There` counts them.
    pub(super) fn standing(&self, limits: KeyLimits, ask: Ask) -> (Standing, Option<(Rate, u64)>) {
        let [requests, tokens] = rates(limits);
        let after = |rate: Rate, used: u64, amount: u64| rate.taken(used, amount).unwrap_or(used);
        let tokens = tokens.map(|rate| (rate, after(rate, self.used_tokens, ask.tokens)));
        let standing = Standing {
            requests: requests.map(|rate| rate.standing(after(rate, self.used_requests, 1))),
            tokens: tokens.map(|(rate, used)| rate.standing(used)),
        };
        (standing, tokens)
    }
}

fn rates(limits: KeyLimits) -> [Option<Rate>; 2] {
    [limits.rpm.map(u64::from), limits.tpm].map(|limit| limit.map(Rate::per_minute))
}
