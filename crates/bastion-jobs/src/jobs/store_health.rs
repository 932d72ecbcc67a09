//! Looks whether the store takes writes, for `/readyz`.
//!
//! It must never send anything to an upstream: looking costs nothing.

use std::time::Duration;

use bastion_observe::{Check, Standing};

use super::{Job, JobTools, Running};

/// How old the answer of `/readyz` about the store may be.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) struct StoreHealth;

impl Job for StoreHealth {
    fn name(&self) -> &'static str {
        "store_health"
    }

    fn pause(&self) -> Duration {
        PAUSE
    }

    fn run<'a>(&'a self, tools: &'a JobTools) -> Running<'a> {
        Box::pin(async {
            let standing = match tools.store.is_writable().await {
                Ok(()) => Standing::Stands,
                Err(cause) => Standing::Fails(cause.to_string()),
            };
            tools.readiness.set(Check::Store, standing);
            Ok(())
        })
    }
}
