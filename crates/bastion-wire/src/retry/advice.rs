//! Reads an upstream's `Retry-After`: seconds, an HTTP date, or `retry-after-ms`.
//!
//! It must never trust a number without a bound. Source: RFC 9110, 10.2.3.

use std::time::Duration;

use bastion_types::Timestamp;
use http::HeaderMap;
use http::header::RETRY_AFTER;

const RETRY_AFTER_MS: &str = "retry-after-ms";

/// Longest wait that is believed: a day.
const MAX: Duration = Duration::from_hours(24);

/// A wait that an upstream asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RetryAfter(Duration);

impl RetryAfter {
    /// How long.
    pub const fn wait(self) -> Duration {
        self.0
    }

    /// In whole seconds, rounded up: what a caller is told.
    pub fn whole_seconds(self) -> u32 {
        let seconds = self.0.as_millis().div_ceil(1000);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }
}

/// What the headers ask for; the finer form wins. None when they ask for nothing that can be read.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<RetryAfter> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let wait = text(RETRY_AFTER_MS).and_then(milliseconds).or_else(|| {
        text(RETRY_AFTER.as_str()).and_then(|value| seconds(value).or_else(|| until(value, now)))
    })?;
    Some(RetryAfter(wait.min(MAX)))
}

fn milliseconds(text: &str) -> Option<Duration> {
    whole(text).map(Duration::from_millis)
}

fn seconds(text: &str) -> Option<Duration> {
    whole(text).map(Duration::from_secs)
}

/// Digits alone; what is too large to count is the largest.
fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// From now to an HTTP date; nothing is left of one that is past.
fn until(text: &str, now: Timestamp) -> Option<Duration> {
    let moment = jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_microsecond();
    let micros = moment.saturating_sub(now.micros());
    Some(Duration::from_micros(u64::try_from(micros).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[(&'static str, &str)], expect_ms: Option<u64>) {
        let now = Timestamp::parse("2026-11-23T12:00:00Z").unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let expect = expect_ms.map(Duration::from_millis);
        assert_eq!(retry_after(&headers, now).map(RetryAfter::wait), expect, "{lines:?}");
    }

    #[test]
    fn every_form_of_retry_after_is_read() {
        check(&[("retry-after", "7")], Some(7000));
        check(&[("retry-after", " 0 ")], Some(0));
        check(&[("retry-after-ms", "250"), ("retry-after", "7")], Some(250));
        check(&[("retry-after", "Mon, 23 Nov 2026 12:00:30 GMT")], Some(30_000));
        check(&[("retry-after", "Mon, 23 Nov 2026 11:00:00 GMT")], Some(0));
        check(&[("retry-after", "99999999999999999999")], Some(86_400_000));
        for nonsense in ["-1", "soon", "", "1.5", "Mon, 99 Nov 2026 12:00:30 GMT"] {
            check(&[("retry-after", nonsense)], None);
        }
    }

    #[test]
    fn a_caller_is_told_whole_seconds() {
        assert_eq!(RetryAfter(Duration::from_millis(1001)).whole_seconds(), 2);
        assert_eq!(RetryAfter(Duration::ZERO).whole_seconds(), 0);
    }
}
