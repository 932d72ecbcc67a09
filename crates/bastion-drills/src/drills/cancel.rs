//! `cancel`: a caller leaves in the middle of a stream, and the upstream must see that at once.
//!
//! It must never measure anything but the whole way, from the caller's end to the upstream's.

use std::time::Duration;

use bastion_observe::KnownDrill;
use bastion_sim::{LogEntry, Outcome};
use tokio::time::Instant;

use super::{Drill, Running};
use crate::course::Course;
use crate::findings::Missed;

pub(crate) struct Cancel;

/// Callers who leave; the one in the middle counts, so that a busy moment does not.
const CALLERS: usize = 5;

/// What the one in the middle may take.
const LIMIT: Duration = Duration::from_millis(100);

/// A close that takes longer is none.
const HANGS: Duration = Duration::from_secs(5);

/// Two events with content, then nothing: the stream would go on for ever.
const SCRIPT: &str = r#"[[answer]]
stall_after = 2
events = [
'{"id":"drill","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"one "},"finish_reason":null}]}',
'{"id":"drill","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"two "},"finish_reason":null}]}',
'{"id":"drill","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"three"},"finish_reason":"stop"}]}',
'[DONE]']
"#;

impl Drill for Cancel {
    fn card(&self) -> KnownDrill {
        KnownDrill {
            name: "cancel",
            box_id: "streaming.cancel",
            shows: "a caller who leaves ends the upstream's stream within 100 ms",
            harmless: true,
        }
    }

    fn run<'a>(&'a self, course: &'a Course<'a>) -> Running<'a> {
        Box::pin(run(course))
    }
}

async fn run(course: &Course<'_>) -> Result<String, Missed> {
    course.chat_model()?;
    let mut closes = Vec::with_capacity(CALLERS);
    for caller in 1..=CALLERS {
        course.say(format!("caller {caller} of {CALLERS} leaves"));
        closes.push(leave(course).await?);
    }
    let told: Vec<f64> = closes.iter().map(|close| millis(*close)).collect();
    course.measured("closes_ms", told);
    closes.sort_unstable();
    let middle = closes.get(CALLERS / 2).copied().unwrap_or(HANGS);
    course.measured("middle_ms", millis(middle));
    course.measured("limit_ms", millis(LIMIT));
    let shown = format!(
        "{CALLERS} callers left in the middle of a stream; the upstream saw its connection close \
         after {:.1} ms (the one in the middle)",
        millis(middle)
    );
    if middle <= LIMIT {
        Ok(shown)
    } else {
        Err(Missed::new(format!("{shown}, and 100 ms are allowed")))
    }
}

/// How long it takes from the caller's end to the upstream's.
async fn leave(course: &Course<'_>) -> Result<Duration, Missed> {
    course.play(SCRIPT)?;
    let mut stream = course.caller()?.open_stream().await?;
    let piece = tokio::time::timeout(HANGS, stream.next()).await;
    let nothing = || Missed::new("a stream brought nothing to leave from");
    piece.ok().and_then(Result::ok).flatten().ok_or_else(nothing)?;
    let left = Instant::now();
    drop(stream);
    let is_over = |entries: &[LogEntry]| {
        let over = |entry: &LogEntry| entry.outcome.is_some_and(|how| how == Outcome::ClosedByPeer);
        !entries.is_empty() && entries.iter().all(over)
    };
    if course.rehearsal.log.wait_for(is_over, HANGS).await {
        Ok(left.elapsed())
    } else {
        Err(Missed::new(format!("the upstream saw no end within {HANGS:?} of the caller's")))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few seconds in microseconds")]
fn millis(duration: Duration) -> f64 {
    (duration.as_micros() as f64 / 100.0).round() / 10.0
}
