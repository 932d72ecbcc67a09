//! Writes down from where keys are used: the path notes it in memory only.
//!
//! It must never make a call wait.

use std::time::Duration;

use super::{Job, JobTools, Running};

/// What a crash may lose.
const PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Sightings;

impl Job for Sightings {
    fn name(&self) -> &'static str {
        "sightings"
    }

    fn pause(&self) -> Duration {
        PAUSE
    }

    fn run<'a>(&'a self, tools: &'a JobTools) -> Running<'a> {
        Box::pin(tools.sightings.flush(&tools.store, tools.clock.now()))
    }
}
