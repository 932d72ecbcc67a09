//! Waits for the first bytes of audio: what fails before them was heard by nobody.
//!
//! It must never take silence for an answer.

use std::pin::pin;

use bytes::Bytes;
use http::HeaderMap;
use tokio::time::{Instant, timeout_at};

use super::answer::{Answer, OpenAudio};
use super::body::joined;
use super::failed::{Ended, Failed};
use crate::line::Line;
use crate::policy::Route;
use crate::pool::{Gathered, UpstreamBody};

/// Waits until `end` for audio to begin.
pub(super) async fn first_audio(
    route: &Route,
    (headers, mut body): (HeaderMap, UpstreamBody),
    end: Instant,
    line: &mut Line,
) -> Result<Answer, Ended> {
    let limit = route.timeouts.first_event.duration();
    let begun = {
        let audible = pin!(timeout_at(end, begin(&mut body)));
        line.meanwhile(route.upstream.heartbeat, audible).await?
    };
    let (first, ended) = begun.map_err(|_| Failed::timed_out("no audio", limit))??;
    let idle = route.timeouts.idle.duration();
    Ok(Answer::Audio(Box::new(OpenAudio { headers, first, body, ended, idle })))
}

async fn begin(body: &mut UpstreamBody) -> Result<(Bytes, bool), Failed> {
    let mut pieces = Vec::new();
    loop {
        let ended = body.gather(&mut pieces).await? == Gathered::End;
        let first = joined(&mut pieces);
        if !first.is_empty() {
            return Ok((first, ended));
        }
        if ended {
            return Err(Failed::no_sense("its audio is empty"));
        }
    }
}
