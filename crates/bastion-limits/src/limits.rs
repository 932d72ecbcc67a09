//! Where limits are counted: in this process, or with other nodes in Redis.
//!
//! It must never make a deployment of one node pay for the other: its way has no wait in it.

use std::sync::Arc;

use bastion_runtime::Tasks;
use bastion_types::{KeyId, MonoNanos};

use crate::KeyLimits;
use crate::book::Account;
use crate::denial::Denied;
use crate::key_state::{Ask, Permit};
use crate::nodes::Nodes;
use crate::registry::Registry;
use crate::shared::{AddressError, Shared, SharedSettings};
use crate::watcher::Watcher;

/// The limits of all keys.
pub struct Limits {
    place: Place,
}

enum Place {
    Here(Registry),
    Redis(Box<Shared>),
}

impl Limits {
    /// Counted in this process.
    pub fn local() -> Limits {
        Limits { place: Place::Here(Registry::new()) }
    }

    /// Counted in Redis, which need not be there yet. Its keeper runs in `tasks`, until this is
    /// dropped.
    ///
    /// # Errors
    /// When the URL is none of Redis.
    pub fn shared(
        settings: SharedSettings,
        nodes: Nodes,
        watcher: Arc<dyn Watcher>,
        tasks: &Tasks,
    ) -> Result<Limits, AddressError> {
        let shared = Shared::open(settings, nodes, watcher, tasks)?;
        Ok(Limits { place: Place::Redis(Box::new(shared)) })
    }

    /// Ends once it was tried to reach Redis, so that who begins then does not begin alone.
    pub async fn begun(&self) {
        if let Place::Redis(shared) = &self.place {
            shared.begun().await;
        }
    }

    /// Takes one request, the tokens and a slot of this key, or nothing. It only waits where Redis
    /// counts, and there no longer than the reply time-out.
    ///
    /// # Errors
    /// When one of the limits does not allow it.
    pub async fn admit(
        &self,
        key: KeyId,
        limits: KeyLimits,
        ask: Ask,
        now: MonoNanos,
    ) -> Result<Permit, Denied> {
        match &self.place {
            Place::Here(registry) => registry.state(key, limits).admit(ask, now),
            // Boxed, so that calls of a single node are small.
            Place::Redis(shared) => Box::pin(shared.admit(Account { key, limits }, ask, now)).await,
        }
    }
}
