//! Ends what dead processes held: nothing can be known of their calls.
//!
//! It must never end a hold of a process that lives.

use std::time::Duration;

use super::{Job, JobTools, Running};

/// A dead process's money is reserved for about so long, once its lease has ended.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) struct HoldSweep;

impl Job for HoldSweep {
    fn name(&self) -> &'static str {
        "hold_sweep"
    }

    fn pause(&self) -> Duration {
        PAUSE
    }

    fn run<'a>(&'a self, tools: &'a JobTools) -> Running<'a> {
        Box::pin(async {
            let swept = tools.store.ledger().sweep(tools.unknown_outcome).await?;
            if swept > 0 {
                tracing::warn!(
                    holds = swept, outcome = ?tools.unknown_outcome,
                    "a process died with calls running; what they held is settled and marked"
                );
            }
            Ok(())
        })
    }
}
