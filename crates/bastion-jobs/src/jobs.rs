//! The list of jobs and what runs them: one task each, at its own pace, until the drain.
//!
//! A job that fails must never stop the others, nor fail in silence.

mod hold_sweep;
mod key_use;
mod leases;
mod retention;
mod sightings;
mod store_health;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bastion_observe::{Readiness, Sightings};
use bastion_runtime::{Drain, Tasks};
use bastion_store::{Store, StoreError, UnknownOutcome};
use bastion_types::Clock;
use tokio::time::MissedTickBehavior;

/// What jobs work with; cheap to clone.
#[derive(Clone)]
pub struct JobTools {
    /// Keys and records.
    pub store: Store,
    /// What `/readyz` answers.
    pub readiness: Readiness,
    /// From where keys are used.
    pub sightings: Arc<Sightings>,
    /// What becomes of what dead processes held.
    pub unknown_outcome: UnknownOutcome,
    /// The one clock.
    pub clock: Arc<dyn Clock>,
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// What one job's file gives.
trait Job: Send + Sync {
    /// Its name in the log.
    fn name(&self) -> &'static str;
    /// From one run to the next.
    fn pause(&self) -> Duration;
    /// Runs once.
    fn run<'a>(&'a self, tools: &'a JobTools) -> Running<'a>;
}

const ALL: [&dyn Job; 6] = [
    &hold_sweep::HoldSweep,
    &key_use::KeyUse,
    &leases::Leases,
    &retention::Retention,
    &store_health::StoreHealth,
    &sightings::Sightings,
];

/// Starts every job; they end with the drain, and `tasks` waits for them.
pub fn start(tools: &JobTools, tasks: &Tasks, drain: &Drain) {
    for job in ALL {
        tasks.spawn(repeat(job, tools.clone(), drain.clone()));
    }
}

async fn repeat(job: &'static dyn Job, tools: JobTools, drain: Drain) {
    let mut pace = tokio::time::interval(job.pause());
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = drain.begun() => return,
            _ = pace.tick() => {}
        }
        if let Err(cause) = job.run(&tools).await {
            tracing::warn!(job = job.name(), %cause, "a job failed; it runs again");
        }
    }
}
