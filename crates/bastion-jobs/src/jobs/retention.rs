//! Deletes records of calls that are older than their retention, in small steps.
//!
//! It must never hold the store's writer for long, and never delete younger records.

use std::time::Duration;

use bastion_types::Span;

use super::{Job, JobTools, Running};

const PAUSE: Duration = Duration::from_mins(10);

/// Records of calls are kept so long: a month's evidence and a few days.
const KEPT: Span = Span::from_secs(35 * 24 * 60 * 60);

/// Runs of drills are few, and tell when something was last tried: more than a year.
const RUNS_KEPT: Span = Span::from_secs(400 * 24 * 60 * 60);

/// Records that one transaction deletes.
const STEP_RECORDS: u32 = 2000;

/// Transactions of one run; the next run goes on.
const MAX_STEPS: u32 = 500;

pub(super) struct Retention;

impl Job for Retention {
    fn name(&self) -> &'static str {
        "retention"
    }

    fn pause(&self) -> Duration {
        PAUSE
    }

    fn run<'a>(&'a self, tools: &'a JobTools) -> Running<'a> {
        Box::pin(async {
            let oldest = tools.clock.now().minus(KEPT);
            let mut steps = 0..MAX_STEPS;
            let delete = || tools.store.calls().delete_before(oldest, STEP_RECORDS);
            while steps.next().is_some() && delete().await? > 0 {}
            let (runs, sightings) = (tools.clock.now().minus(RUNS_KEPT), oldest);
            tools.store.evidence().delete_before(runs, sightings).await?;
            Ok(())
        })
    }
}
