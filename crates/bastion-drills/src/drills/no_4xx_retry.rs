//! `no-4xx-retry`: what an upstream refuses for good gets one attempt.
//!
//! It must never leave out a status because its answer looks like another's.

use bastion_observe::KnownDrill;

use super::{Drill, Running};
use crate::course::Course;
use crate::findings::Missed;

pub(crate) struct No4xxRetry;

/// What no other attempt would change.
const STATUSES: [u16; 7] = [400, 401, 402, 403, 404, 413, 422];

impl Drill for No4xxRetry {
    fn card(&self) -> KnownDrill {
        KnownDrill {
            name: "no-4xx-retry",
            box_id: "reliability.no-4xx-retry",
            shows: "400, 401, 402, 403, 404, 413 and 422 of an upstream get one attempt each",
            harmless: true,
        }
    }

    fn run<'a>(&'a self, course: &'a Course<'a>) -> Running<'a> {
        Box::pin(run(course))
    }
}

async fn run(course: &Course<'_>) -> Result<String, Missed> {
    course.chat_model()?;
    for status in STATUSES {
        course.say(format!("an upstream answers {status}"));
        course.play(&format!("[[answer]]\nstatus = {status}\n"))?;
        let answer = course.caller()?.chat().await?;
        let attempts = course.received().await.len();
        course.measured(format!("attempts_at_{status}"), attempts);
        if attempts != 1 {
            return Err(Missed::new(format!("a {status} got {attempts} attempts")));
        }
        if answer.status.is_success() {
            return Err(Missed::new(format!("a {status} became {} for the caller", answer.status)));
        }
    }
    Ok("400, 401, 402, 403, 404, 413 and 422 got one attempt each".to_owned())
}
