//! Audio on its way to the caller, as it comes.
//!
//! It must never end well what the upstream broke off: the caller's connection is cut as well.

use std::pin::pin;
use std::time::Duration;

use bastion_types::{Refusal, StreamOutcome};
use bytes::Bytes;
use http::StatusCode;
use tokio::time::timeout;

use super::passed::Passed;
use super::relayed::{CALLER_LEFT, Relayed, STOPPED};
use crate::desk::Desk;
use crate::line::{CallerLeft, CutShort, Feed, Line};
use crate::path::dispatch::{OpenAudio, joined};
use crate::path::door::Arrival;
use crate::pool::{Gathered, UpstreamBody};

/// What ended it.
enum End {
    Whole,
    /// The upstream broke off or went silent; why, for the log.
    Broken(String),
    CallerLeft,
    /// This process ends.
    Stopped,
}

impl From<CutShort> for End {
    fn from(why: CutShort) -> End {
        match why {
            CutShort::CallerLeft => End::CallerLeft,
            CutShort::Stopped => End::Stopped,
        }
    }
}

/// Relays open audio to its end.
pub(super) async fn relay_audio(
    desk: &Desk,
    arrival: &Arrival,
    (open, mut line): (OpenAudio, Line),
) -> Relayed {
    let OpenAudio { headers, first, mut body, ended, idle } = open;
    let first_event_ms = desk.gateway.tools.clock.monotonic().millis_since(arrival.began);
    if line.open(&headers).is_err() {
        return Relayed::answer_left();
    }
    let Some(feed) = line.feed() else { return Relayed::answer_left() };
    let mut passed_bytes = 0;
    let end = match pass(&feed, first, &mut passed_bytes).await {
        Err(CallerLeft) => End::CallerLeft,
        Ok(()) if ended => End::Whole,
        Ok(()) => run(&feed, &mut body, idle, &mut passed_bytes).await,
    };
    let (stream, code) = match end {
        End::Whole => (StreamOutcome::Whole, None),
        End::CallerLeft => (StreamOutcome::Cancelled, Some(CALLER_LEFT)),
        End::Broken(cause) => break_off(arrival, feed, &cause, &Refusal::StreamInterrupted).await,
        End::Stopped => break_off(arrival, feed, STOPPED, &Refusal::Stopped).await,
    };
    let relayed = Relayed::ended(StatusCode::OK.as_u16(), code);
    let first_event_ms = Some(first_event_ms);
    let passed = Passed::whole(passed_bytes);
    Relayed { stream, passed, first_event_ms, unknown: true, ..relayed }
}

/// Cuts the caller's connection: nothing else tells that the audio is not all.
async fn break_off(
    arrival: &Arrival,
    feed: Feed,
    cause: &str,
    why: &Refusal,
) -> (StreamOutcome, Option<&'static str>) {
    tracing::warn!(request_id = %arrival.id, cause, "audio was interrupted");
    feed.break_off().await;
    (StreamOutcome::Interrupted, Some(why.code()))
}

/// Passes pieces on until one side ends.
async fn run(feed: &Feed, body: &mut UpstreamBody, idle: Duration, passed_bytes: &mut u64) -> End {
    let mut cut_short = pin!(feed.cut_short());
    let mut pieces = Vec::new();
    loop {
        let gathered = tokio::select! {
            biased;
            why = cut_short.as_mut() => return why.into(),
            gathered = timeout(idle, body.gather(&mut pieces)) => gathered,
        };
        let ended = match gathered {
            Err(_) => return End::Broken(format!("nothing came for {idle:?}")),
            Ok(Err(cut)) => return End::Broken(cut.to_string()),
            Ok(Ok(gathered)) => gathered == Gathered::End,
        };
        if pass(feed, joined(&mut pieces), passed_bytes).await.is_err() {
            return End::CallerLeft;
        }
        if ended {
            return End::Whole;
        }
    }
}

async fn pass(feed: &Feed, bytes: Bytes, passed_bytes: &mut u64) -> Result<(), CallerLeft> {
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > 0 {
        feed.pass(bytes).await?;
    }
    *passed_bytes = passed_bytes.saturating_add(length);
    Ok(())
}
