//! `retry-after`: a 429 names 2 s, and no attempt comes before them.
//!
//! It must never call it kept that nothing was tried at all where the policy allows another try.

use std::time::Duration;

use bastion_observe::KnownDrill;
use http::StatusCode;

use super::{Drill, Running};
use crate::caller::Answer;
use crate::course::Course;
use crate::findings::Missed;

pub(crate) struct RetryAfter;

/// What the upstream asks for.
const ASKED: Duration = Duration::from_secs(2);

const SCRIPT: &str = "[[answer]]\ntimes = 1\nstatus = 429\nheaders = { retry-after = \"2\" }\n";

impl Drill for RetryAfter {
    fn card(&self) -> KnownDrill {
        KnownDrill {
            name: "retry-after",
            box_id: "reliability.retry-after",
            shows: "no attempt comes before the time that a 429 names",
            harmless: true,
        }
    }

    fn run<'a>(&'a self, course: &'a Course<'a>) -> Running<'a> {
        Box::pin(run(course))
    }
}

async fn run(course: &Course<'_>) -> Result<String, Missed> {
    course.chat_model()?;
    let policy = course.rehearsal.retry;
    let waits =
        policy.attempts > 1 && policy.cap.duration() >= ASKED && policy.total.duration() >= ASKED;
    course.say("a 429 asks for 2 s");
    course.play(SCRIPT)?;
    let answer = course.caller()?.chat().await?;
    let received = course.received().await;
    match received.as_slice() {
        [first, second] if waits => {
            let began = first.answered_at.unwrap_or(first.at);
            let micros = second.at.micros().saturating_sub(began.micros());
            let wait = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
            waited(course, wait, answer.status)
        }
        [_] if waits => Err(Missed::new(format!(
            "the call was not tried again, and the caller got {}; the policy allows another try",
            answer.status
        ))),
        [_] => passed_on(&answer),
        all => Err(Missed::new(format!(
            "{} attempts were made where {} was due",
            all.len(),
            if waits { "one more" } else { "no other" }
        ))),
    }
}

fn waited(course: &Course<'_>, wait: Duration, status: StatusCode) -> Result<String, Missed> {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    course.measured("asked_ms", 2000);
    course.measured("waited_ms", wait_ms);
    if wait < ASKED {
        return Err(Missed::new(format!(
            "the next attempt came after {wait_ms} ms, before the 2 s"
        )));
    }
    if status != StatusCode::OK {
        return Err(Missed::new(format!("behind the wait the caller got {status}")));
    }
    Ok(format!("a 429 asked for 2 s; the next attempt came after {wait_ms} ms and was answered"))
}

/// The policy ends before the time that is asked for: the caller is told it.
fn passed_on(answer: &Answer) -> Result<String, Missed> {
    let told: Option<u64> = answer.header("retry-after").and_then(|text| text.parse().ok());
    if answer.status != StatusCode::TOO_MANY_REQUESTS || told.is_none_or(|told| told < 2) {
        return Err(Missed::new(format!(
            "no attempt may wait for 2 s under this policy, and the caller got {} with retry-after \
             {told:?} instead of 429 with 2",
            answer.status
        )));
    }
    Ok("a 429 asked for 2 s, which is beyond the policy: nothing was tried, and the caller got the \
        429 with its retry-after"
        .to_owned())
}
