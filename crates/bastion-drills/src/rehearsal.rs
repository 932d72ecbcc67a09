//! A rehearsal as drills know it: a gateway of the deployment's own making before a simulated
//! upstream, on loopback, gone when the drill is.
//!
//! It must never be given a real credential: its keys open nothing but itself.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;

use bastion_config::{Breaker, Retry};
use bastion_sim::{SimControls, SimLog};
use bastion_types::{ApiKey, EnvironmentName, ModelName, SurfaceName};

/// A gateway to drill with.
pub struct Rehearsal {
    /// Where it takes calls.
    pub callers: SocketAddr,
    /// A key of the environment.
    pub key: ApiKey,
    /// What the simulated upstream receives.
    pub log: SimLog,
    /// What the simulated upstream does.
    pub controls: SimControls,
    /// How the deployment retries.
    pub retry: Retry,
    /// A model of the environment that answers chat; none: no call could be made.
    pub chat_model: Option<ModelName>,
    /// A model of the environment that answers at `/v1/responses`.
    pub responses_model: Option<ModelName>,
    /// Where calls must name a use case: one for each model that has any.
    pub surfaces: BTreeMap<ModelName, SurfaceName>,
}

impl Rehearsal {
    /// The breaker's rule.
    pub(crate) fn breaker(&self) -> Breaker {
        self.retry.breaker
    }
}

/// An open rehearsal and the way to close it.
pub struct OpenRehearsal {
    /// The gateway.
    pub rehearsal: Rehearsal,
    /// Closes it; it must be awaited, whatever became of the drill.
    pub close: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Why there is no rehearsal.
#[derive(Debug, thiserror::Error)]
#[error("no rehearsal could be opened: {0}")]
pub struct NoRehearsal(pub String);

/// A rehearsal on its way.
pub type Opening<'a> =
    Pin<Box<dyn Future<Output = Result<OpenRehearsal, NoRehearsal>> + Send + 'a>>;

/// Opens rehearsals; the binary does.
pub trait Rehearse: Send + Sync + 'static {
    /// Under the rules of this environment, as the running configuration has them.
    fn open<'a>(&'a self, environment: &'a EnvironmentName) -> Opening<'a>;
}
