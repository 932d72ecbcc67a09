//! One attempt: sent, and waited for until its answer is good or has failed.
//!
//! It must never call a cut answer an answer, and never go on when the caller has left.

use std::pin::pin;
use std::sync::atomic::Ordering;

use bastion_observe::AttemptOutcome;
use bastion_types::Refusal;
use bastion_wire::{Dialect, retry_after};
use http::{HeaderMap, Request};
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, WholeAnswer};
use super::audio::first_audio;
use super::body::{not_found, their_refusal, whole};
use super::calling::Calling;
use super::failed::{Again, Ended, Failed};
use super::judge::{Verdict, judge};
use super::request::build;
use super::start_up::{Opening, hold_back};
use crate::line::Line;
use crate::outgoing::Outgoing;
use crate::policy::Route;
use crate::pool::{Sending, UpstreamBody, send};

/// What an upstream begins with.
enum Begun {
    Whole(WholeAnswer),
    Stream(Dialect, Box<(HeaderMap, UpstreamBody)>),
    Audio(Box<(HeaderMap, UpstreamBody)>),
}

/// Makes the attempt within its time.
pub(super) async fn attempt(
    calling: Calling<'_>,
    route: &Route,
    line: &mut Line,
) -> Result<Answer, Ended> {
    // The attempt before this one may have been sent.
    calling.sent.store(false, Ordering::Relaxed);
    let request = build(calling, route).map_err(no_credential)?;
    let sent_at = Instant::now();
    let begun = {
        let begun = pin!(in_time(calling, route, request));
        line.meanwhile(route.upstream.heartbeat, begun).await??
    };
    match begun {
        Begun::Whole(whole) => Ok(Answer::Whole(whole)),
        Begun::Stream(dialect, stream) => {
            let (screened, (headers, body)) = (calling.screened, *stream);
            hold_back(Opening { route, screened, dialect, sent_at, headers, body }, line).await
        }
        Begun::Audio(audio) => {
            let end = sent_at + route.timeouts.first_event.duration();
            Box::pin(first_audio(route, *audio, end, line)).await
        }
    }
}

fn no_credential(refusal: Refusal) -> Failed {
    Failed {
        refusal,
        outcome: AttemptOutcome::Credentials,
        again: Again::Elsewhere,
        unknown: false,
        ..Failed::no_sense("its credential resolves to nothing; see the configuration's api_key")
    }
}

/// Sends the request and reads what is needed to judge it, all within one time.
async fn in_time(
    calling: Calling<'_>,
    route: &Route,
    request: Request<Outgoing>,
) -> Result<Begun, Failed> {
    let Calling { desk, screened, .. } = calling;
    let (limit, what) = if screened.delivery.comes_in_pieces() {
        (route.timeouts.first_event.duration(), "no event")
    } else {
        (route.timeouts.answer.duration(), "no whole answer")
    };
    let end = Instant::now() + limit;
    // What never left cannot have been done.
    let late = || {
        let unknown = calling.sent.load(Ordering::Relaxed);
        Failed { unknown, ..Failed::timed_out(what, limit) }
    };
    let sending = Sending {
        pool: &desk.pool,
        upstream: &route.upstream,
        connect_timeout: route.timeouts.connect.duration(),
        sent: calling.sent,
    };
    let sent = timeout_at(end, send(sending, request)).await;
    let (head, body) = sent.map_err(|_| late())??.into_parts();
    let now = || desk.gateway.tools.clock.now();
    let answer = match judge(&head, screened.delivery, now()) {
        Verdict::Stream(dialect) => {
            return Ok(Begun::Stream(dialect, Box::new((head.headers, body))));
        }
        Verdict::Audio => return Ok(Begun::Audio(Box::new((head.headers, body)))),
        Verdict::Whole(answers) => {
            timeout_at(end, whole(head, body, answers)).await.map_err(|_| late())??
        }
        Verdict::TheirRefusal => {
            let refusal = timeout_at(end, Box::pin(their_refusal(head, body))).await;
            refusal.map_err(|_| Failed::refused("its refusal did not come to an end in time"))??
        }
        Verdict::NotFound => {
            let refusal = timeout_at(end, Box::pin(not_found(head, body))).await;
            refusal.map_err(|_| Failed::misplaced("its 404 did not come to an end in time"))??
        }
        Verdict::Failed { refusal, outcome, again } => {
            let cause = format!("it answered {}", head.status.as_u16());
            let retry_after = retry_after(&head.headers, now());
            // Whoever says success has worked.
            let unknown = head.status.is_success();
            let known = Failed { unknown, ..Failed::no_sense(&cause) };
            return Err(Failed { refusal, outcome, again, retry_after, ..known });
        }
    };
    Ok(Begun::Whole(answer))
}
