//! One attempt: sent, and waited for until its answer is good or has failed.
//!
//! It must never call a cut answer an answer, and never keep more than the bounds named here.

use std::time::Duration;

use bastion_observe::AttemptOutcome;
use bastion_types::Refusal;
use bastion_wire::{FrameReader, is_error_frame};
use bytes::Bytes;
use http::Request;
use http::response::Parts;
use http_body_util::Full;

use super::answer::{Answer, OpenStream};
use super::body::{joined, not_found, their_refusal, whole};
use super::failed::Failed;
use super::judge::{Verdict, judge};
use crate::desk::Desk;
use crate::policy::UpstreamPolicy;
use crate::pool::{Gathered, UpstreamBody, send};

/// Who is asked, and how the answer is to come.
pub(super) struct Attempt<'a> {
    pub(super) desk: &'a Desk,
    pub(super) upstream: &'a UpstreamPolicy,
    pub(super) streamed: bool,
}

/// Makes the attempt within its time. May be dropped at any time: the connection is then closed.
pub(super) async fn attempt(
    attempt: Attempt<'_>,
    request: Result<Request<Full<Bytes>>, Refusal>,
) -> Result<Answer, Failed> {
    let Attempt { upstream, streamed, .. } = attempt;
    let request = request.map_err(|refusal| Failed {
        refusal,
        outcome: AttemptOutcome::Credentials,
        unknown: false,
        cause: "its credential resolves to nothing; see the configuration's api_key".to_owned(),
    })?;
    let timeouts = &upstream.timeouts;
    let limit: Duration =
        if streamed { timeouts.first_event.duration() } else { timeouts.answer.duration() };
    let exchanged = tokio::time::timeout(limit, exchange(&attempt, request)).await;
    exchanged.unwrap_or_else(|_| {
        Err(Failed {
            refusal: Refusal::UpstreamError,
            outcome: AttemptOutcome::TimedOut,
            unknown: true,
            cause: format!("no answer within {limit:?}"),
        })
    })
}

async fn exchange(attempt: &Attempt<'_>, request: Request<Full<Bytes>>) -> Result<Answer, Failed> {
    let Attempt { desk, upstream, streamed } = attempt;
    let (head, body) = send(&desk.pool, upstream, request).await?.into_parts();
    match judge(&head, *streamed, desk.gateway.tools.clock.now()) {
        Verdict::Stream => open_stream(head, body).await,
        Verdict::Whole => whole(head, body).await,
        Verdict::TheirRefusal => their_refusal(head, body).await,
        Verdict::NotFound => not_found(head, body).await,
        Verdict::Failed(refusal, outcome) => {
            let cause = format!("it answered {}", head.status.as_u16());
            Err(Failed { refusal, outcome, unknown: false, cause })
        }
    }
}

/// Waits for the first whole frame: a stream that begins with an error is a failed attempt.
async fn open_stream(head: Parts, mut body: UpstreamBody) -> Result<Answer, Failed> {
    let mut reader = FrameReader::default();
    let mut pieces = Vec::new();
    loop {
        let ended = body.gather(&mut pieces).await? == Gathered::End;
        let run = reader
            .push(joined(&mut pieces))
            .map_err(|too_long| Failed::no_sense(&too_long.to_string()))?;
        if let Some(first) = run {
            if first.frames().next().is_some_and(is_error_frame) {
                return Err(Failed::no_sense("the stream began with an error"));
            }
            return Ok(Answer::Stream(Box::new(OpenStream { head, first, reader, body, ended })));
        }
        if ended {
            return Err(Failed::no_sense("the stream ended before its first event"));
        }
    }
}
