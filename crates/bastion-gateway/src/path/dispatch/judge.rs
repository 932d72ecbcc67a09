//! What an answer's head means: one table of statuses. Source: interface, An upstream's failure.
//!
//! It must never let a 401, 402 or 403 of our own account through to the caller.

use bastion_observe::AttemptOutcome;
use bastion_types::{Refusal, Timestamp};
use bastion_wire::{AnswerForm, Dialect, RetryAfter, retry_after, status_may_be_tried_again};
use http::header::CONTENT_TYPE;
use http::response::Parts;

use super::failed::Again;
use crate::endpoints::Answers;
use crate::path::screen::Delivery;

const EVENT_STREAM: &str = "text/event-stream";

/// Until a service that said 503 without a time may be asked again, in seconds.
const DEFAULT_UNAVAILABLE_S: u32 = 1;

/// What to do with an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Relay it as it comes, event by event.
    Stream(Dialect),
    /// Relay it as it comes, byte by byte.
    Audio,
    /// Read it whole, and look whether it is what it must be.
    Whole(Answers),
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
pub(super) fn judge(head: &Parts, delivery: Delivery, now: Timestamp) -> Verdict {
    let wait_s = || retry_after(&head.headers, now).map(RetryAfter::whole_seconds);
    let status = head.status.as_u16();
    let (refusal, outcome) = match status {
        200..=299 => match good(head, delivery) {
            Some(verdict) => return verdict,
            None => (Refusal::UpstreamError, AttemptOutcome::Failed),
        },
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
    // A success that cannot be what was asked for is no sense, like any other.
    let may_pass = status_may_be_tried_again(status) || head.status.is_success();
    let again = if may_pass { Again::Anywhere } else { Again::Elsewhere };
    Verdict::Failed { refusal, outcome, again }
}

/// What a success is, by its media type; none where it cannot be what was asked for.
fn good(head: &Parts, delivery: Delivery) -> Option<Verdict> {
    let is = |wanted: &str| media_type(head).is_some_and(|own| own.eq_ignore_ascii_case(wanted));
    match (delivery.dialect(), delivery.answers()) {
        (Some(dialect), _) if is(EVENT_STREAM) => Some(Verdict::Stream(dialect)),
        (_, Answers::Audio) => is_audio(head).then_some(Verdict::Audio),
        (_, Answers::Text) if is("text/html") => None,
        (_, Answers::Text) if is("application/json") => {
            Some(Verdict::Whole(Answers::Json(AnswerForm::Transcript)))
        }
        (_, answers) => Some(Verdict::Whole(answers)),
    }
}

fn is_audio(head: &Parts) -> bool {
    let Some(own) = media_type(head) else { return false };
    own.get(..6).is_some_and(|begin| begin.eq_ignore_ascii_case("audio/"))
        || own.eq_ignore_ascii_case("application/octet-stream")
}

fn media_type(head: &Parts) -> Option<&str> {
    let value = head.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    value.split(';').next().map(str::trim)
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
        assert_eq!(judge(&head, Delivery::Stream(Dialect::Chat), now), *expect, "{status}");
    }

    /// What a success of this type is, where so much was asked for.
    fn good_of(content_type: &str, delivery: Delivery) -> Option<Verdict> {
        let response = Response::builder().header("content-type", content_type);
        good(&response.body(()).unwrap().into_parts().0, delivery)
    }

    #[test]
    fn a_success_is_what_was_asked_for_or_none() {
        let audio = Delivery::Whole(Answers::Audio);
        for (content_type, expect) in [
            ("audio/wav", Some(Verdict::Audio)),
            ("Audio/MPEG; x=y", Some(Verdict::Audio)),
            ("application/octet-stream", Some(Verdict::Audio)),
            ("application/json", None),
            ("text/html", None),
            ("é", None),
        ] {
            assert_eq!(good_of(content_type, audio), expect, "{content_type}");
        }
        let text = Delivery::Whole(Answers::Text);
        assert_eq!(good_of("text/plain", text), Some(Verdict::Whole(Answers::Text)));
        assert_eq!(good_of("text/html; charset=x", text), None);
        let transcript = Answers::Json(AnswerForm::Transcript);
        assert_eq!(good_of("application/json", text), Some(Verdict::Whole(transcript)));
        let json = Answers::Json(AnswerForm::Images);
        let whole = Some(Verdict::Whole(json));
        assert_eq!(good_of("text/event-stream", Delivery::Whole(json)), whole);
    }

    fn failed(refusal: Refusal, outcome: AttemptOutcome, again: Again) -> Verdict {
        Verdict::Failed { refusal, outcome, again }
    }

    #[test]
    fn each_status_has_one_meaning() {
        let passes = |refusal| failed(refusal, AttemptOutcome::Failed, Again::Anywhere);
        let stream = Verdict::Stream(Dialect::Chat);
        check(200, Some(("content-type", "text/event-stream; charset=utf-8")), &stream);
        let whole = Verdict::Whole(Answers::Json(AnswerForm::Tokens));
        check(200, Some(("content-type", "application/json")), &whole);
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
