//! Hands an answer on: whole frames, untouched; a cut never looks like an end.
//!
//! It must never retry, and never hold back what the caller could have.

mod heads;
mod passage;
mod relayed;
mod stream;

use bastion_limits::Standing;
use bastion_types::Refusal;
use bastion_wire::{answer_usage, refusal_response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::authenticate::Caller;
use super::dispatch::{Answer, Dispatched, Outcome, WholeAnswer};
use super::door::Arrival;
use super::hold::Hold;
use crate::desk::Desk;
use crate::endpoints::Question;
use crate::headers::{ATTEMPTS, forbid_buffering, tell_rates};
use crate::reply::{Reply, Taken};

use heads::{answer_headers, tell_request, tell_upstream};
pub(crate) use relayed::Relayed;

/// The code in our records of an upstream's own 4xx.
const UPSTREAM_REFUSED: &str = "upstream_refused";

/// Hands the answer of a call's attempts on.
pub(super) async fn relay(
    desk: &Desk,
    arrival: &Arrival,
    hold: &Hold,
    (dispatched, reply): (Dispatched, Reply),
) -> Relayed {
    let Dispatched { upstream, attempts, outcome, unknown } = dispatched;
    let mut told = HeaderMap::new();
    tell_rates(&hold.screened.permit.standing(), &mut told);
    told.insert(ATTEMPTS, HeaderValue::from(attempts.0));
    if let Some(upstream) = &upstream {
        tell_upstream(upstream, &mut told);
    }
    let relayed = match outcome {
        Outcome::CallerLeft => Relayed::caller_left(),
        Outcome::Failed(refusal) => refused(&refusal, arrival, told, reply),
        Outcome::Answered(answer) => match answer {
            Answer::Whole(whole) => whole_answer(desk, arrival, (whole, told), reply),
            Answer::Stream(mut open) => {
                open.head.headers = answer_headers(&open.head.headers, arrival, told);
                forbid_buffering(&mut open.head.headers);
                stream::relay_stream(desk, arrival, upstream.as_deref(), (*open, reply)).await
            }
        },
    };
    let unknown = unknown || relayed.unknown;
    Relayed { attempts, upstream, unknown, ..relayed }
}

/// An answer of our own, without any upstream.
pub(super) fn answer_here(
    caller: &Caller,
    arrival: &Arrival,
    answer: fn(&Question<'_>) -> Result<Bytes, Refusal>,
    reply: Reply,
) -> Relayed {
    let question = Question {
        policy: &caller.policy,
        environment: &caller.key.environment,
        named_model: arrival.named_model.as_deref(),
    };
    match answer(&question) {
        Err(refusal) => refused(&refusal, arrival, HeaderMap::new(), reply),
        Ok(body) => {
            let mut response = Response::new(body);
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            tell_request(arrival, headers);
            ended(reply.send(response), StatusCode::OK.as_u16(), None)
        }
    }
}

/// A refusal before anything was held.
pub(super) fn refuse(
    refusal: &Refusal,
    standing: Option<&Standing>,
    arrival: &Arrival,
    reply: Reply,
) -> Relayed {
    let mut told = HeaderMap::new();
    if let Some(standing) = standing {
        tell_rates(standing, &mut told);
    }
    refused(refusal, arrival, told, reply)
}

fn refused(refusal: &Refusal, arrival: &Arrival, told: HeaderMap, reply: Reply) -> Relayed {
    let mut response = refusal_response(refusal, &arrival.id);
    response.headers_mut().extend(told);
    ended(reply.send(response), refusal.status(), Some(refusal.code()))
}

fn whole_answer(
    desk: &Desk,
    arrival: &Arrival,
    (whole, told): (WholeAnswer, HeaderMap),
    reply: Reply,
) -> Relayed {
    let WholeAnswer { head, body } = whole;
    let good = head.status.is_success();
    let reported = if good { answer_usage(&body) } else { None };
    // An upstream's refusal may repeat a part of our key there.
    let body = if good { body } else { without_keys(desk, body) };
    let passed_bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    *response.headers_mut() = answer_headers(&head.headers, arrival, told);
    let code = (!good).then_some(UPSTREAM_REFUSED);
    let relayed = ended(reply.send(response), head.status.as_u16(), code);
    let unknown = good && reported.is_none();
    Relayed { reported, passed_bytes, unknown, ..relayed }
}

fn without_keys(desk: &Desk, body: Bytes) -> Bytes {
    let Ok(text) = std::str::from_utf8(&body) else { return Bytes::new() };
    match desk.gateway.tools.redactor.redact(text) {
        std::borrow::Cow::Borrowed(_) => body,
        std::borrow::Cow::Owned(clean) => Bytes::from(clean),
    }
}

fn ended(taken: Taken, status: u16, code: Option<&'static str>) -> Relayed {
    match taken {
        Taken::Yes => Relayed::ended(status, code),
        Taken::CallerLeft => Relayed::caller_left(),
    }
}
