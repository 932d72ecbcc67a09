//! `retry`: failures are injected, and the attempts' times must fit the policy.
//!
//! It must never count a call as retried whose answer did not come in the end.

use std::time::Duration;

use bastion_observe::KnownDrill;
use bastion_sim::LogEntry;
use bastion_types::Timestamp;
use bastion_wire::Backoff;
use tokio::time::Instant;

use super::{Drill, Running};
use crate::course::Course;
use crate::findings::Missed;
use crate::room::Room;
use crate::waits::{Waits, millis};

pub(crate) struct Retry;

/// Calls at most whose first attempts fail. Most gateways show what is looked for within three; of
/// those that wait well under the usual policy fewer than one in a million do not within thirty
/// (growth is rarest: 0.625^30).
const MOST_CALLS: usize = 30;

/// Calls at least: of one nothing can be seen to differ.
const LEAST_CALLS: usize = 2;

/// No call of them begins that may end later: the drill has a limit of its own.
const CALLS_LIMIT: Duration = Duration::from_mins(2);

/// A shorter wait cannot be told from the time that a machine takes to send a request again.
const LEAST_BASE: Duration = Duration::from_millis(10);

/// Failures of one call at most, however often the policy would try.
const MOST_FAILURES: u32 = 4;

/// What an upstream says while it fails, one after the other.
const STATUSES: [u16; 4] = [503, 429, 502, 500];

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
    let backoff = Backoff { base: policy.base.duration(), cap: policy.cap.duration() };
    let failures = failures(course, backoff)?;
    let mut waits = Waits::new(backoff, failures);
    let mut room = Room::new(policy.budget_per_mille);
    let ended = calls(course, failures, (&mut waits, &mut room)).await?;
    if let Some(lacking) = waits.lacking() {
        return Err(Missed::new(format!(
            "in {} calls, {}: {lacking}",
            waits.calls(),
            ended.told()
        )));
    }
    let retries = policy.attempts.saturating_sub(1);
    // Without room its attempts are fewer, and are told as they were.
    let _is_room = room.make(course, retries, Duration::ZERO).await?;
    let made = bounded(course, policy.attempts).await?;
    Ok(format!(
        "{} calls got their answers behind {failures} failures each (503, 429, …), after {}; a call \
         that only fails ended after {made} attempts",
        waits.calls(),
        waits.shown()
    ))
}

/// How often each call fails.
fn failures(course: &Course<'_>, backoff: Backoff) -> Result<u32, Missed> {
    let policy = course.rehearsal.retry;
    if policy.attempts < 2 {
        return Err(Missed::new(
            "retry.attempts is 1: no failure is ever retried; set it to 2 or more",
        ));
    }
    // One below the breaker's: behind it the upstream would be left alone.
    let before_breaker = course.rehearsal.breaker().failures.saturating_sub(1);
    if before_breaker == 0 {
        return Err(Missed::new(
            "retry.breaker.failures is 1: an upstream is left alone after one failure, and nothing \
             is retried there",
        ));
    }
    if backoff.base < LEAST_BASE {
        return Err(Missed::new(format!(
            "retry.base is {}: a wait that short cannot be told from none; set it to {LEAST_BASE:?} \
             or more",
            policy.base
        )));
    }
    let most = policy.attempts.saturating_sub(1).min(MOST_FAILURES).min(before_breaker);
    // No more than fit into the policy's time, however long they wait.
    let fits =
        |failures: &u32| Waits::new(backoff, *failures).longest_call() <= policy.total.duration();
    Ok((1..=most).rev().find(fits).unwrap_or(1))
}

/// Why no other call was made.
#[derive(Debug, Clone, Copy)]
enum Ended {
    /// They show everything, or are as many as the drill makes.
    Enough,
    /// Another one might take too long.
    NoTime,
    /// Its retries would be beyond the budget.
    NoRoom,
}

impl Ended {
    fn told(self) -> &'static str {
        match self {
            Ended::Enough => "as many as are made",
            Ended::NoTime => "for which the time was enough (run it again, or lower retry.base)",
            Ended::NoRoom => "for which there was room in retry.budget (run it again, or raise it)",
        }
    }
}

/// Calls that fail, until nothing is lacking.
async fn calls(
    course: &Course<'_>,
    failures: u32,
    (waits, room): (&mut Waits, &mut Room),
) -> Result<Ended, Missed> {
    let began = Instant::now();
    let longest = waits.longest_call();
    for call in 1..=MOST_CALLS {
        if call > LEAST_CALLS && began.elapsed().saturating_add(longest) > CALLS_LIMIT {
            return Ok(Ended::NoTime);
        }
        if !room.make(course, failures, longest).await? {
            return Ok(Ended::NoRoom);
        }
        course.say(format!("call {call} of {MOST_CALLS} at most: {failures} of its attempts fail"));
        let call_began = Instant::now();
        let behind = one_call(course, failures).await?;
        room.used(call_began, behind.len());
        let told: Vec<u64> = behind.iter().map(|wait| millis(*wait)).collect();
        course.measured(format!("waits_of_call_{call}_ms"), told);
        waits.add(behind)?;
        if call >= LEAST_CALLS && waits.lacking().is_none() {
            return Ok(Ended::Enough);
        }
    }
    Ok(Ended::Enough)
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
    Ok(gaps(&received))
}

/// From each answer's end to the next attempt.
fn gaps(received: &[LogEntry]) -> Vec<Duration> {
    let pairs = received.iter().zip(received.iter().skip(1));
    pairs.map(|(one, next)| between(one.answered_at.unwrap_or(one.at), next.at)).collect()
}

fn between(early: Timestamp, late: Timestamp) -> Duration {
    let micros = late.micros().saturating_sub(early.micros());
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// How many attempts a call has that only fails: within the policy.
async fn bounded(course: &Course<'_>, attempts: u32) -> Result<usize, Missed> {
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
    Ok(made)
}
