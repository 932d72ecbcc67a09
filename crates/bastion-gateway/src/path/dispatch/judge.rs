//! What an answer's head means: one table of statuses. Source: interface, An upstream's failure.
//!
//! It must never let a 401, 402 or 403 of our own account through to the caller.

use bastion_observe::AttemptOutcome;
use bastion_types::{Refusal, Timestamp};
use bastion_wire::{RetryAfter, retry_after, status_may_be_tried_again};
use http::header::CONTENT_TYPE;
use http::response::Parts;

use super::failed::Again;

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
    Failed {
        /// What the caller is told, if there is no other.
        refusal: Refusal,
        /// What it counts as.
        outcome: AttemptOutcome,
        /// Where another attempt may go.
        again: Again,
    },
}

/// Judges a head.
pub(super) fn judge(head: &Parts, streamed: bool, now: Timestamp) -> Verdict {
    let wait_s = || retry_after(&head.headers, now).map(RetryAfter::whole_seconds);
    let status = head.status.as_u16();
    let (refusal, outcome) = match status {
        200..=299 if streamed && is_event_stream(head) => return Verdict::Stream,
        200..=299 => return Verdict::Whole,
        401 | 403 => (Refusal::UpstreamCredentials, AttemptOutcome::Credentials),
        402 => (Refusal::UpstreamFunds, AttemptOutcome::Funds),
        404 => return Verdict::NotFound,
        429 => {
            let refusal = Refusal::UpstreamRateLimited { retry_after_s: wait_s() };
            (refusal, AttemptOutcome::RateLimited)
        }
        400..=499 => return Verdict::TheirRefusal,
        503 => {
            let retry_after_s = wait_s().unwrap_or(DEFAULT_UNAVAILABLE_S);
            (Refusal::ServiceUnavailable { retry_after_s }, AttemptOutcome::Failed)
        }
        // A redirect would carry the prompt elsewhere; the rest is no answer at all.
        _ => (Refusal::UpstreamError, AttemptOutcome::Failed),
    };
    let again = if status_may_be_tried_again(status) { Again::Anywhere } else { Again::Elsewhere };
    Verdict::Failed { refusal, outcome, again }
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

    fn failed(refusal: Refusal, outcome: AttemptOutcome, again: Again) -> Verdict {
        Verdict::Failed { refusal, outcome, again }
    }

    #[test]
    fn each_status_has_one_meaning() {
        let passes = |refusal| failed(refusal, AttemptOutcome::Failed, Again::Anywhere);
        check(200, Some(("content-type", "text/event-stream; charset=utf-8")), &Verdict::Stream);
        check(200, Some(("content-type", "application/json")), &Verdict::Whole);
        check(400, None, &Verdict::TheirRefusal);
        check(404, None, &Verdict::NotFound);
        check(413, None, &Verdict::TheirRefusal);
        check(500, None, &passes(Refusal::UpstreamError));
        let wait = Refusal::ServiceUnavailable { retry_after_s: 9 };
        check(503, Some(("retry-after", "9")), &passes(wait));
        let limited = Refusal::UpstreamRateLimited { retry_after_s: Some(2) };
        let limited = failed(limited, AttemptOutcome::RateLimited, Again::Anywhere);
        check(429, Some(("retry-after", "2")), &limited);
    }

    #[test]
    fn what_another_attempt_would_not_change_goes_elsewhere_or_nowhere() {
        let redirect = failed(Refusal::UpstreamError, AttemptOutcome::Failed, Again::Elsewhere);
        check(307, Some(("location", "https://elsewhere")), &redirect);
        for status in [401, 403] {
            let ours = Refusal::UpstreamCredentials;
            check(status, None, &failed(ours, AttemptOutcome::Credentials, Again::Elsewhere));
        }
        let funds = failed(Refusal::UpstreamFunds, AttemptOutcome::Funds, Again::Elsewhere);
        check(402, None, &funds);
    }
}
