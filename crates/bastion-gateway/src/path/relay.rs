//! Hands an answer on: whole frames, untouched; a cut never looks like an end.
//!
//! It must never retry, and never hold back what the caller could have.

mod audio;
mod passage;
mod passed;
mod relayed;
mod stream;

use bastion_types::{Money, Refusal, StreamOutcome, Usage};
use bastion_wire::{Dialect, Endpoint, ErrorPlace, error_event, is_ended_empty, refusal_response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::authenticate::Caller;
use super::dispatch::{Answer, Dispatched, Outcome, WholeAnswer};
use super::door::Arrival;
use crate::desk::Desk;
use crate::endpoints::Question;
use crate::headers::X_SHOULD_RETRY;
use crate::line::Line;
use crate::policy::Route;
use crate::reply::Taken;

pub(crate) use passed::Passed;
pub(crate) use relayed::Relayed;

/// Refusals of an upstream's that the SDKs would send again, and must not: no 4xx but 429 changes.
const SDKS_RETRY: [StatusCode; 2] = [StatusCode::REQUEST_TIMEOUT, StatusCode::CONFLICT];

/// Endpoints whose answers cost what their tokens do.
const COUNTED_IN_TOKENS: [Endpoint; 4] =
    [Endpoint::ChatCompletions, Endpoint::Completions, Endpoint::Responses, Endpoint::Embeddings];

/// The code in our records of an upstream's own 4xx.
const UPSTREAM_REFUSED: &str = "upstream_refused";

/// Hands the answer of a call's attempts on; the call's answer may have so many tokens, and an
/// attempt cost so much.
pub(super) async fn relay(
    desk: &Desk,
    arrival: &Arrival,
    dispatched: Dispatched,
    (mut line, limit_tokens, each): (Line, u64, Option<Money>),
) -> Relayed {
    let Dispatched { route, attempts, outcome, unknown, lost } = dispatched;
    line.tell(attempts, route.as_ref().map(|route| &route.upstream));
    let relayed = match outcome {
        Outcome::CallerLeft if line.is_open() => Relayed::stream_left(),
        Outcome::CallerLeft => Relayed::caller_left(),
        Outcome::Failed { refusal, .. } if line.is_open() => {
            told_inside(&refusal, arrival, line).await
        }
        Outcome::Failed { refusal, retry_after_s } => {
            refused(&refusal, retry_after_s, arrival, line)
        }
        Outcome::Answered(Answer::Whole(whole)) if line.is_open() => {
            // The caller reads a stream already; another attempt was answered as a whole.
            let told = told_inside(&Refusal::UpstreamError, arrival, line).await;
            let reported = whole.reported.map(|usage| *usage);
            Relayed { unknown: whole.head.status.is_success(), reported, ..told }
        }
        Outcome::Answered(Answer::Whole(whole)) => {
            // Behind an attempt of unknown outcome nobody knows yet what the call costs.
            let route = route.as_ref().filter(|_| lost.is_empty());
            if let Some(cost) =
                route.and_then(|route| known_cost(arrival.endpoint, (route, &whole), each))
            {
                line.tell_cost(cost);
            }
            whole_answer(desk, whole, (line, limit_tokens))
        }
        Outcome::Answered(Answer::Audio(open)) => {
            Box::pin(audio::relay_audio(desk, arrival, (*open, line))).await
        }
        Outcome::Answered(Answer::Stream(open)) => {
            // Boxed, so that the many calls without a stream are small.
            Box::pin(stream::relay_stream(desk, arrival, (*open, line))).await
        }
    };
    let unknown = unknown || relayed.unknown;
    let ended_empty = relayed.ended_empty || is_all_thinking(&relayed, limit_tokens);
    Relayed { attempts, route, unknown, ended_empty, lost, ..relayed }
}

/// An answer of our own, without any upstream.
pub(super) fn answer_here(
    caller: &Caller,
    arrival: &Arrival,
    answer: fn(&Question<'_>) -> Result<Bytes, Refusal>,
    line: Line,
) -> Relayed {
    let question = Question {
        policy: &caller.policy,
        environment: &caller.environment,
        surfaces: &caller.key.bonds.surfaces,
        named_model: arrival.named_model.as_deref(),
    };
    match answer(&question) {
        Err(refusal) => refuse(&refusal, arrival, line),
        Ok(body) => {
            let mut response = Response::new(body);
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            ended(line.send(response, None), StatusCode::OK.as_u16(), None)
        }
    }
}

/// A refusal before anything was held.
pub(super) fn refuse(refusal: &Refusal, arrival: &Arrival, line: Line) -> Relayed {
    refused(refusal, None, arrival, line)
}

fn refused(
    refusal: &Refusal,
    retry_after_s: Option<u32>,
    arrival: &Arrival,
    line: Line,
) -> Relayed {
    let mut response = refusal_response(refusal, &arrival.id);
    if let Some(seconds) = retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    ended(line.send(response, None), refusal.status(), Some(refusal.code()))
}

/// A failure behind a sign of life: the status was 200, so an event says it.
async fn told_inside(refusal: &Refusal, arrival: &Arrival, line: Line) -> Relayed {
    let Some(feed) = line.feed() else { return Relayed::caller_left() };
    let place = if arrival.endpoint == Endpoint::Responses {
        Dialect::Responses.error_place(&[])
    } else {
        ErrorPlace::Chunks
    };
    if feed.pass(error_event(refusal, &arrival.id, place)).await.is_err() {
        return Relayed::stream_left();
    }
    let told = Relayed::ended(StatusCode::OK.as_u16(), Some(refusal.code()));
    Relayed { stream: StreamOutcome::Interrupted, ..told }
}

/// A stream that came to its limit and was nothing but thinking.
fn is_all_thinking(relayed: &Relayed, limit_tokens: u64) -> bool {
    let Some(usage) = relayed.reported else { return false };
    let at_limit = usage.output_tokens > 0 && usage.output_tokens >= limit_tokens;
    relayed.stream == StreamOutcome::Whole
        && at_limit
        && usage.reasoning_tokens == usage.output_tokens
}

/// Only an answer that came to its limit, or may be nothing but thinking, is read for its text.
fn is_empty_at_limit(body: &[u8], reported: Option<&Usage>, limit_tokens: u64) -> bool {
    let Some(usage) = reported else { return false };
    let all_thinking = usage.reasoning_tokens == usage.output_tokens;
    let may_be = usage.output_tokens > 0 && (all_thinking || usage.output_tokens >= limit_tokens);
    may_be && is_ended_empty(body)
}

/// What is charged for a whole answer whose tokens were reported; of images and recordings only
/// settling says it.
fn known_cost(
    endpoint: Endpoint,
    (route, whole): (&Route, &WholeAnswer),
    each: Option<Money>,
) -> Option<Money> {
    if !COUNTED_IN_TOKENS.contains(&endpoint) || !whole.head.status.is_success() {
        return None;
    }
    let cost = route.price.as_ref()?.cost(whole.reported.as_deref()?)?;
    Some(each.map_or(cost, |each| cost.min(each)))
}

fn whole_answer(desk: &Desk, whole: WholeAnswer, (line, limit_tokens): (Line, u64)) -> Relayed {
    let WholeAnswer { head, body, reported } = whole;
    let good = head.status.is_success();
    // An upstream's refusal may repeat a part of our key there.
    let body = if good { body } else { without_keys(desk, body) };
    let passed = Passed::whole(u64::try_from(body.len()).unwrap_or(u64::MAX));
    let ended_empty = is_empty_at_limit(&body, reported.as_deref(), limit_tokens);
    let mut response = Response::new(body);
    *response.status_mut() = head.status;
    if SDKS_RETRY.contains(&head.status) {
        let no = HeaderValue::from_static("false");
        response.headers_mut().insert(X_SHOULD_RETRY, no);
    }
    let code = (!good).then_some(UPSTREAM_REFUSED);
    let relayed = ended(line.send(response, Some(&head.headers)), head.status.as_u16(), code);
    let reported = reported.map(|usage| *usage);
    let unknown = good && reported.is_none();
    Relayed { reported, passed, unknown, ended_empty, ..relayed }
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
