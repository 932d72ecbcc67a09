//! The account at the simulated upstream: its keys, their rate, its balance.
//!
//! It must never show a key, and never remember more keys than its limit.

use std::collections::HashMap;
use std::time::Duration;

use bastion_types::Secret;
use http::header::{AUTHORIZATION, HeaderMap};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::dice::hash;
use crate::refused::Refused;

/// Keys whose rate is counted; past it the counts begin anew.
const MAX_COUNTED_KEYS: usize = 10_000;
const MINUTE: Duration = Duration::from_mins(1);

pub(crate) struct Account {
    held: Mutex<Held>,
}

struct Held {
    keys: Vec<Secret>,
    rate_per_minute: Option<u32>,
    balance_tokens: Option<u64>,
    buckets: HashMap<u64, Bucket>,
}

/// Holds a minute's requests and refills evenly; counted as the time at which it is full again.
struct Bucket {
    full_at: Instant,
}

impl Account {
    pub(crate) fn new(
        keys: &[String],
        rate_per_minute: Option<u32>,
        balance_tokens: Option<u64>,
    ) -> Account {
        let keys = secrets(keys);
        let held = Held { keys, rate_per_minute, balance_tokens, buckets: HashMap::new() };
        Account { held: Mutex::new(held) }
    }

    /// Lets a request in by its key, then by the key's rate.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let key = bearer(headers).ok_or(Refused::Key)?;
        let mut held = self.held.lock();
        if !held.keys.is_empty() && held.keys.iter().all(|known| known.expose() != key) {
            return Err(Refused::Key);
        }
        held.count(key)
    }

    /// Takes the tokens of an answer; the last ones may go below what is left.
    pub(crate) fn charge(&self, tokens: u64) -> Result<(), Refused> {
        let mut held = self.held.lock();
        match held.balance_tokens {
            Some(0) => Err(Refused::Funds),
            Some(left) => {
                held.balance_tokens = Some(left.saturating_sub(tokens));
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(crate) fn balance_tokens(&self) -> Option<u64> {
        self.held.lock().balance_tokens
    }

    pub(crate) fn set_balance_tokens(&self, balance_tokens: Option<u64>) {
        self.held.lock().balance_tokens = balance_tokens;
    }

    pub(crate) fn set_keys(&self, keys: &[String]) {
        self.held.lock().keys = secrets(keys);
    }

    pub(crate) fn set_rate_per_minute(&self, rate_per_minute: Option<u32>) {
        let mut held = self.held.lock();
        held.rate_per_minute = rate_per_minute;
        held.buckets.clear();
    }
}

impl Held {
    fn count(&mut self, key: &str) -> Result<(), Refused> {
        let Some(rate) = self.rate_per_minute else { return Ok(()) };
        // A limit of 0 lets nothing in and names the longest wait.
        let Some(cost) = MINUTE.checked_div(rate) else {
            return Err(Refused::Rate { retry_after_s: MINUTE.as_secs() });
        };
        if self.buckets.len() >= MAX_COUNTED_KEYS {
            self.buckets.clear();
        }
        let now = Instant::now();
        let bucket = self.buckets.entry(hash(key.as_bytes())).or_insert(Bucket { full_at: now });
        let full_at = bucket.full_at.max(now) + cost;
        let over = full_at.saturating_duration_since(now).saturating_sub(MINUTE);
        if over.is_zero() {
            bucket.full_at = full_at;
            return Ok(());
        }
        Err(Refused::Rate { retry_after_s: whole_seconds_up(over) })
    }
}

fn secrets(keys: &[String]) -> Vec<Secret> {
    keys.iter().cloned().map(Secret::new).collect()
}

fn whole_seconds_up(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

/// The key of `Authorization: Bearer <key>`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[test]
    fn no_key_an_empty_key_and_a_foreign_key_are_refused() {
        let open = Account::new(&[], None, None);
        assert_eq!(open.admit(&HeaderMap::new()), Err(Refused::Key));
        assert_eq!(open.admit(&headers("Bearer ")), Err(Refused::Key));
        assert_eq!(open.admit(&headers("Basic abc")), Err(Refused::Key));
        assert_eq!(open.admit(&headers("Bearer any")), Ok(()));
        let closed = Account::new(&["mine".to_owned()], None, None);
        assert_eq!(closed.admit(&headers("Bearer any")), Err(Refused::Key));
        assert_eq!(closed.admit(&headers("bearer mine")), Ok(()));
        closed.set_keys(&["next".to_owned()]);
        assert_eq!(closed.admit(&headers("Bearer mine")), Err(Refused::Key));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_of_one_key_and_refills() {
        let account = Account::new(&[], Some(2), None);
        assert_eq!(account.admit(&headers("Bearer a")), Ok(()));
        assert_eq!(account.admit(&headers("Bearer a")), Ok(()));
        assert_eq!(account.admit(&headers("Bearer a")), Err(Refused::Rate { retry_after_s: 30 }));
        assert_eq!(account.admit(&headers("Bearer b")), Ok(()), "another key's bucket is full");
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(account.admit(&headers("Bearer a")), Ok(()));
        account.set_rate_per_minute(Some(0));
        assert_eq!(account.admit(&headers("Bearer a")), Err(Refused::Rate { retry_after_s: 60 }));
    }

    #[test]
    fn a_balance_ends() {
        let account = Account::new(&[], None, Some(10));
        assert_eq!(account.charge(7), Ok(()));
        assert_eq!(account.charge(7), Ok(()), "the last answer is whole");
        assert_eq!(account.charge(1), Err(Refused::Funds));
        account.set_balance_tokens(None);
        assert_eq!(account.charge(1), Ok(()));
    }
}
