//! `retry`: failures are injected, and the attempts' times must fit the policy.
//!
//! It must never count a call as retried whose answer did not come in the end.

use std::time::Duration;

use bastion_observe::KnownDrill;
use bastion_sim::LogEntry;
use bastion_types::Timestamp;
use bastion_wire::Backoff;

use super::{Drill, Running};
use crate::course::Course;
use crate::findings::Missed;

pub(crate) struct Retry;

/// Calls whose first attempts fail: two, so that their waits can be seen to differ.
const ROUNDS: u32 = 2;

/// Failures of one call at most, however often the policy would try.
const MOST_FAILURES: u32 = 4;

/// What an upstream says while it fails, one after the other.
const STATUSES: [u16; 4] = [503, 429, 502, 500];

/// What a machine under load may add to a wait.
const SLACK: Duration = Duration::from_secs(2);

impl Drill for Retry {
    fn card(&self) -> KnownDrill {
        KnownDrill {
            name: "retry",
            box_id: "reliability.retry",
            shows: "failures are retried with exponential backoff and jitter, within the policy",
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
    let attempts = policy.attempts;
    if attempts < 2 {
        return Err(Missed::new(
            "retry.attempts is 1: no failure is ever retried; set it to 2 or more",
        ));
    }
    // One below the breaker's: behind it the upstream would be left alone.
    let before_breaker = course.rehearsal.breaker().failures.saturating_sub(1);
    let failures = attempts.saturating_sub(1).min(MOST_FAILURES).min(before_breaker);
    if failures == 0 {
        return Err(Missed::new(
            "retry.breaker.failures is 1: an upstream is left alone after one failure, and nothing \
             is retried there",
        ));
    }
    let backoff = Backoff { base: policy.base.duration(), cap: policy.cap.duration() };
    let mut first_waits = Vec::new();
    for round in 1..=ROUNDS {
        course.say(format!("call {round} of {ROUNDS}: {failures} of its attempts fail"));
        let waits = one_call(course, failures).await?;
        let told: Vec<u64> = waits.iter().map(|wait| millis(*wait)).collect();
        course.measured(format!("waits_of_call_{round}_ms"), told);
        fit(&waits, backoff)?;
        first_waits.extend(waits.first().copied());
    }
    let differ = first_waits.iter().any(|wait| first_waits.first() != Some(wait));
    if !differ {
        return Err(Missed::new("both calls waited exactly as long: there is no jitter"));
    }
    bounded(course, attempts).await?;
    Ok(format!(
        "{ROUNDS} calls got their answers behind {failures} failures each (503, 429, …), with waits \
         of at most {} that double and differ; a call that only fails ended after {attempts} attempts",
        policy.base
    ))
}

/// The waits between the attempts of a call that fails so often and is then answered.
async fn one_call(course: &Course<'_>, failures: u32) -> Result<Vec<Duration>, Missed> {
    let statuses = STATUSES.iter().cycle().take(usize::try_from(failures).unwrap_or(0));
    let script = statuses.fold(String::new(), |script, status| {
        script + &format!("[[answer]]\ntimes = 1\nstatus = {status}\n")
    });
    course.play(&script)?;
    let answer = course.caller()?.chat().await?;
    let received = course.received().await;
    let made = received.len();
    let wanted = usize::try_from(failures).unwrap_or(0).saturating_add(1);
    if made < wanted {
        return Err(Missed::new(format!(
            "only {made} of {wanted} attempts were made, and the caller got {}; retry.total or \
             retry.budget ended them",
            answer.status
        )));
    }
    if answer.status != http::StatusCode::OK || made > wanted {
        return Err(Missed::new(format!(
            "{made} attempts were made where {wanted} would do, and the caller got {}",
            answer.status
        )));
    }
    Ok(waits(&received))
}

/// From each answer's end to the next attempt.
fn waits(received: &[LogEntry]) -> Vec<Duration> {
    let pairs = received.iter().zip(received.iter().skip(1));
    pairs.map(|(one, next)| between(one.answered_at.unwrap_or(one.at), next.at)).collect()
}

fn between(early: Timestamp, late: Timestamp) -> Duration {
    let micros = late.micros().saturating_sub(early.micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// Is every wait within its bound?
fn fit(waits: &[Duration], backoff: Backoff) -> Result<(), Missed> {
    for (failed, wait) in (1_u32..).zip(waits) {
        let bound = backoff.bound(failed);
        if *wait > bound.saturating_add(SLACK) {
            let (wait, bound) = (millis(*wait), millis(bound));
            return Err(Missed::new(format!(
                "the wait behind failure {failed} was {wait} ms, and the policy allows {bound} ms"
            )));
        }
    }
    Ok(())
}

/// A call that only fails ends within the policy.
async fn bounded(course: &Course<'_>, attempts: u32) -> Result<(), Missed> {
    course.say("a call whose attempts all fail");
    course.play("[[answer]]\nstatus = 503\n")?;
    let answer = course.caller()?.chat().await?;
    let made = course.received().await.len();
    course.measured("attempts_of_a_call_that_only_fails", made);
    if answer.status.is_success() {
        return Err(Missed::new("a call got an answer that no upstream gave"));
    }
    if made > usize::try_from(attempts).unwrap_or(usize::MAX) {
        return Err(Missed::new(format!(
            "{made} attempts were made; retry.attempts is {attempts}"
        )));
    }
    if answer.header("x-should-retry") != Some("false") {
        return Err(Missed::new(
            "the answer behind the last attempt does not say x-should-retry: false, so that clients \
             would multiply the attempts",
        ));
    }
    Ok(())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_beyond_its_bound_does_not_fit() {
        let second = Duration::from_secs(1);
        let backoff = Backoff { base: second, cap: second * 20 };
        assert!(fit(&[Duration::ZERO, second * 2], backoff).is_ok());
        assert!(fit(&[second * 4], backoff).unwrap_err().0.contains("allows 1000 ms"));
    }
}
