//! Writes when keys were last used: the path notes it in memory only.
//!
//! It must never make a call wait.

use std::time::Duration;

use super::{Job, JobTools, Running};

/// What a crash may lose of last-use times.
const PAUSE: Duration = Duration::from_secs(10);

pub(super) struct KeyUse;

impl Job for KeyUse {
    fn name(&self) -> &'static str {
        "key_use"
    }

    fn pause(&self) -> Duration {
        PAUSE
    }

    fn run<'a>(&'a self, tools: &'a JobTools) -> Running<'a> {
        Box::pin(async {
            tools.store.keys().flush_last_use().await?;
            Ok(())
        })
    }
}
