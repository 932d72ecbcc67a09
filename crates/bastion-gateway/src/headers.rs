//! Which headers go on and which come back: fixed lists, nothing else of either side.
//!
//! It must never pass a credential, a cookie or a hop-by-hop header. Source: interface, Headers.

use bastion_limits::{RateStanding, Standing};
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers of the caller's that go on, beside `openai-*` and `forward_headers`.
const FORWARDED: [HeaderName; 3] =
    [ACCEPT, HeaderName::from_static("traceparent"), HeaderName::from_static("tracestate")];

/// Headers whose name begins so go both ways.
const OPENAI: &str = "openai-";

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const UPSTREAM_REQUEST_ID: HeaderName =
    HeaderName::from_static("bastion-upstream-request-id");
pub(crate) const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
pub(crate) const ATTEMPTS: HeaderName = HeaderName::from_static("bastion-attempts");
pub(crate) const COST: HeaderName = HeaderName::from_static("bastion-cost");
pub(crate) const UPSTREAM: HeaderName = HeaderName::from_static("bastion-upstream");
pub(crate) const REGION: HeaderName = HeaderName::from_static("bastion-region");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Copies what may go on to the upstream.
pub(crate) fn forward(from: &HeaderMap, configured: &[HeaderName], to: &mut HeaderMap) {
    let fixed = |name: &HeaderName| FORWARDED.contains(name) || name.as_str().starts_with(OPENAI);
    for (name, value) in from {
        if fixed(name) || configured.contains(name) {
            to.append(name.clone(), value.clone());
        }
    }
}

/// Copies what may come back from the upstream.
pub(crate) fn come_back(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from {
        if *name == CONTENT_TYPE || name.as_str().starts_with(OPENAI) {
            to.append(name.clone(), value.clone());
        } else if *name == X_REQUEST_ID {
            to.append(UPSTREAM_REQUEST_ID, value.clone());
        }
    }
}

/// Nothing between may hold a stream back. Box `streaming.no-buffering`.
pub(crate) fn forbid_buffering(to: &mut HeaderMap) {
    to.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    to.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
}

/// The key's rates, as OpenAI sends them.
pub(crate) fn tell_rates(standing: &Standing, to: &mut HeaderMap) {
    const REQUESTS: [HeaderName; 3] = [
        HeaderName::from_static("x-ratelimit-limit-requests"),
        HeaderName::from_static("x-ratelimit-remaining-requests"),
        HeaderName::from_static("x-ratelimit-reset-requests"),
    ];
    const TOKENS: [HeaderName; 3] = [
        HeaderName::from_static("x-ratelimit-limit-tokens"),
        HeaderName::from_static("x-ratelimit-remaining-tokens"),
        HeaderName::from_static("x-ratelimit-reset-tokens"),
    ];
    let rates = [(REQUESTS, &standing.requests), (TOKENS, &standing.tokens)];
    for ([limit, remaining, reset], rate) in rates {
        let Some(RateStanding { limit: most, remaining: left, reset_ms }) = rate else { continue };
        to.insert(limit, HeaderValue::from(*most));
        to.insert(remaining, HeaderValue::from(*left));
        if let Ok(value) = HeaderValue::try_from(reset_text(*reset_ms)) {
            to.insert(reset, value);
        }
    }
}

/// A wait as OpenAI writes it: `250ms`, `7s`, `1m30s`.
fn reset_text(reset_ms: u64) -> String {
    match reset_ms.div_ceil(1000) {
        _ if reset_ms < 1000 => format!("{reset_ms}ms"),
        seconds if seconds < 60 => format!("{seconds}s"),
        seconds => format!("{}m{}s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_list_goes_on() {
        let mut from = HeaderMap::new();
        for name in [
            "authorization",
            "cookie",
            "x-forwarded-for",
            "traceparent",
            "openai-beta",
            "x-mine",
            "accept-encoding",
        ] {
            from.insert(HeaderName::from_static(name), HeaderValue::from_static("v"));
        }
        let mut to = HeaderMap::new();
        forward(&from, &[HeaderName::from_static("x-mine")], &mut to);
        let mut names: Vec<_> = to.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["openai-beta", "traceparent", "x-mine"]);
    }

    #[test]
    fn a_reset_reads_as_openai_writes_it() {
        assert_eq!(reset_text(250), "250ms");
        assert_eq!(reset_text(6001), "7s");
        assert_eq!(reset_text(90_000), "1m30s");
    }
}
