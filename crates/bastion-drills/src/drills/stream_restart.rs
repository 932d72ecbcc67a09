//! `stream-restart`: streams are dropped at their first events and before their last.
//!
//! It must never take a stream for whole that does not say so.

use bastion_observe::KnownDrill;
use bastion_sim::LogEntry;

use super::{Drill, Running};
use crate::caller::{Answer, Wanted};
use crate::course::Course;
use crate::findings::Missed;

pub(crate) struct StreamRestart;

/// A first event without content, two with, a last one.
const EVENTS: &str = r#"events = [
'{"id":"drill","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}',
'{"id":"drill","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"one "},"finish_reason":null}]}',
'{"id":"drill","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"two"},"finish_reason":"stop"}]}',
'[DONE]']
"#;

/// Events before the last one.
const BEFORE_LAST: u32 = 3;

const DONE: &str = "data: [DONE]";

impl Drill for StreamRestart {
    fn card(&self) -> KnownDrill {
        KnownDrill {
            name: "stream-restart",
            box_id: "reliability.stream-restart",
            shows: "a dropped stream is sent again as a whole, or ends with an error and no [DONE]",
            harmless: true,
        }
    }

    fn run<'a>(&'a self, course: &'a Course<'a>) -> Running<'a> {
        Box::pin(run(course))
    }
}

async fn run(course: &Course<'_>) -> Result<String, Missed> {
    course.chat_model()?;
    if course.rehearsal.retry.attempts < 2 || course.rehearsal.breaker().failures < 2 {
        return Err(Missed::new(
            "retry.attempts or retry.breaker.failures is 1: no dropped stream is ever sent again",
        ));
    }
    for event in [0, 1] {
        course.say(format!("a stream is dropped at event {event}"));
        let (answer, received) = dropped_at(course, event, Wanted::Live).await?;
        restarted(&answer, &received, &format!("dropped at event {event}"))?;
        course.measured(format!("attempts_dropped_at_{event}"), received.len());
    }
    course.say("a stream is dropped before its last event");
    let (answer, received) = dropped_at(course, BEFORE_LAST, Wanted::Live).await?;
    course.measured("attempts_dropped_before_the_last", received.len());
    told(&answer, &received)?;
    course.say("a stream that is held back is dropped before its last event");
    let (answer, received) = dropped_at(course, BEFORE_LAST, Wanted::Atomic).await?;
    course.measured("attempts_held_back", received.len());
    restarted(&answer, &received, "held back and dropped before its last event")?;
    Ok("dropped at events 0 and 1 the whole request was sent again, unseen; dropped before the last \
        event the caller got an error and no [DONE], and nothing was resumed; held back (atomic) it \
        was sent again and came whole"
        .to_owned())
}

async fn dropped_at(
    course: &Course<'_>,
    event: u32,
    wanted: Wanted,
) -> Result<(Answer, Vec<LogEntry>), Missed> {
    let dropped = format!("[[answer]]\ntimes = 1\ncut_after = {event}\n{EVENTS}");
    course.play(&format!("{dropped}[[answer]]\n{EVENTS}"))?;
    let answer = course.caller()?.stream(wanted).await?;
    Ok((answer, course.received().await))
}

/// The same request came twice, and the caller has one whole answer.
fn restarted(answer: &Answer, received: &[LogEntry], what: &str) -> Result<(), Missed> {
    let [first, second] = received else {
        let made = received.len();
        return Err(Missed::new(format!("{what}, {made} attempts were made where 2 were due")));
    };
    if first.body != second.body {
        return Err(Missed::new(format!("{what}, the second request was not the first one again")));
    }
    let contents = answer.text.matches("\"content\":\"one \"").count();
    if contents != 1 || answer.text.matches(DONE).count() != 1 {
        return Err(Missed::new(format!(
            "{what}, the caller got the answer's beginning {contents} times instead of one whole answer"
        )));
    }
    Ok(())
}

/// The caller was told, and nothing was tried behind its back.
fn told(answer: &Answer, received: &[LogEntry]) -> Result<(), Missed> {
    let made = received.len();
    if made != 1 {
        return Err(Missed::new(format!(
            "behind content that the caller has, {made} attempts were made: that is a resume"
        )));
    }
    if answer.text.contains(DONE) {
        return Err(Missed::new("a stream that was cut ended with [DONE]"));
    }
    if !answer.text.contains("stream_interrupted") {
        return Err(Missed::new("a stream that was cut ended without an error event"));
    }
    Ok(())
}
