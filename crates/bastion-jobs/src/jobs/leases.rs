//! Marks the leases of processes that were killed, frozen or cut off, once nothing is held under
//! them any more.
//!
//! It must never end a lease, nor a hold: the store sees to both.

use std::time::Duration;

use super::{Job, JobTools, Running};

const PAUSE: Duration = Duration::from_secs(2);

pub(super) struct Leases;

impl Job for Leases {
    fn name(&self) -> &'static str {
        "leases"
    }

    fn pause(&self) -> Duration {
        PAUSE
    }

    fn run<'a>(&'a self, tools: &'a JobTools) -> Running<'a> {
        Box::pin(async {
            let settled = tools.store.settle_ended_leases().await?;
            if settled > 0 {
                tracing::debug!(settled, "nothing is held any more under leases that ended");
            }
            Ok(())
        })
    }
}
