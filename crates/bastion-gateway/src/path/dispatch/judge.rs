//! What an answer's head means: one table of statuses. Source: interface, An upstream's failure.
//!
//! It must never let a 401, 402 or 403 of our own account through to the caller.

use bastion_observe::AttemptOutcome;
use bastion_types::{Refusal, Timestamp};
use bastion_wire::{RetryAfter, retry_after};
use http::header::CONTENT_TYPE;
use http::response::Parts;

/// Until a service that said 503 without a time may be asked again, in seconds.
const DEFAULT_UNAVAILABLE_S: u32 = 1;

/// What to do with an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Relay it as it comes.
    Stream,
    /// Read it whole; it must be a JSON object that is no error.
    Whole,
    /// The caller's request was refused: pass that on.
    TheirRefusal,
    /// A 404: of the model it is the caller's, of the path it is ours.
    NotFound,
    /// A failed attempt.
    Failed(Refusal, AttemptOutcome),
}

/// Judges a head.
pub(super) fn judge(head: &Parts, streamed: bool, now: Timestamp) -> Verdict {
    let wait_s = || retry_after(&head.headers, now).map(RetryAfter::whole_seconds);
    match head.status.as_u16() {
        200..=299 if streamed && is_event_stream(head) => Verdict::Stream,
        200..=299 => Verdict::Whole,
        401 | 403 => Verdict::Failed(Refusal::UpstreamCredentials, AttemptOutcome::Credentials),
        402 => Verdict::Failed(Refusal::UpstreamFunds, AttemptOutcome::Funds),
        404 => Verdict::NotFound,
        429 => {
            let refusal = Refusal::UpstreamRateLimited { retry_after_s: wait_s() };
            Verdict::Failed(refusal, AttemptOutcome::RateLimited)
        }
        400..=499 => Verdict::TheirRefusal,
        503 => {
            let retry_after_s = wait_s().unwrap_or(DEFAULT_UNAVAILABLE_S);
            Verdict::Failed(Refusal::ServiceUnavailable { retry_after_s }, AttemptOutcome::Failed)
        }
        // A redirect would carry the prompt elsewhere; the rest is no answer at all.
        _ => Verdict::Failed(Refusal::UpstreamError, AttemptOutcome::Failed),
    }
}

fn is_event_stream(head: &Parts) -> bool {
    let media_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = media_type.and_then(|text| text.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case("text/event-stream"))
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    fn check(status: u16, header: Option<(&str, &str)>, expect: &Verdict) {
        let mut response = Response::builder().status(status);
        if let Some((name, value)) = header {
            response = response.header(name, value);
        }
        let (head, ()) = response.body(()).unwrap().into_parts();
        let now = Timestamp::from_micros(0);
        assert_eq!(judge(&head, true, now), *expect, "{status}");
    }

    #[test]
    fn each_status_has_one_meaning() {
        let failed = |refusal| Verdict::Failed(refusal, AttemptOutcome::Failed);
        check(200, Some(("content-type", "text/event-stream; charset=utf-8")), &Verdict::Stream);
        check(200, Some(("content-type", "application/json")), &Verdict::Whole);
        check(307, Some(("location", "https://elsewhere")), &failed(Refusal::UpstreamError));
        check(400, None, &Verdict::TheirRefusal);
        check(404, None, &Verdict::NotFound);
        check(413, None, &Verdict::TheirRefusal);
        check(500, None, &failed(Refusal::UpstreamError));
        let wait = Refusal::ServiceUnavailable { retry_after_s: 9 };
        check(503, Some(("retry-after", "9")), &failed(wait));
        let limited = Refusal::UpstreamRateLimited { retry_after_s: Some(2) };
        let limited = Verdict::Failed(limited, AttemptOutcome::RateLimited);
        check(429, Some(("retry-after", "2")), &limited);
    }

    #[test]
    fn our_own_credential_is_never_the_callers() {
        for status in [401, 403] {
            let ours = Refusal::UpstreamCredentials;
            check(status, None, &Verdict::Failed(ours, AttemptOutcome::Credentials));
        }
        check(402, None, &Verdict::Failed(Refusal::UpstreamFunds, AttemptOutcome::Funds));
    }
}
