//! What the operators' plane may ask of drills; the binary answers.
//!
//! It must never start a second drill while one runs.

use std::future::Future;
use std::pin::Pin;

use bastion_store::{DrillRun, StoreError};
use bastion_types::{EnvironmentName, RunId};
use serde::Serialize;

/// A drill that can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct KnownDrill {
    /// Its name.
    pub name: &'static str,
    /// The box that it proves.
    #[serde(rename = "box")]
    pub box_id: &'static str,
    /// What it shows, in a sentence.
    pub shows: &'static str,
    /// Does it touch nothing that is live? Only such drills are run by `check --fix`.
    pub harmless: bool,
}

/// What somebody wants to be drilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillWish {
    /// The drill's name.
    pub drill: String,
    /// Under the rules of which environment.
    pub environment: EnvironmentName,
    /// Does whoever starts it go on asking for it? Then it ends when they stop asking.
    pub is_attended: bool,
}

/// The drill that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunningDrill {
    /// The run.
    pub id: RunId,
    /// The drill.
    pub drill: &'static str,
    /// The environment.
    pub environment: EnvironmentName,
    /// What it is at.
    pub progress: String,
}

/// Why a drill was not started.
#[derive(Debug)]
pub enum NotStarted {
    /// Another one runs.
    Busy(RunningDrill),
    /// There is none of that name.
    Unknown,
    /// The process is about to end.
    Draining,
    /// The system gives no randomness for an id.
    NoRandomness,
    /// Its begin could not be written down.
    Store(StoreError),
}

/// The drills of the running deployment.
pub trait Drills: Send + Sync + 'static {
    /// Every drill there is.
    fn known(&self) -> Vec<KnownDrill>;
    /// Starts one; it goes on by itself.
    fn start(
        &self,
        wish: DrillWish,
    ) -> Pin<Box<dyn Future<Output = Result<DrillRun, NotStarted>> + Send + '_>>;
    /// The one that runs.
    fn running(&self) -> Option<RunningDrill>;
    /// Somebody still waits for this run.
    fn attend(&self, id: RunId);
    /// Ends this run; false: it does not run here.
    fn stop(&self, id: RunId) -> bool;
}
