//! A node as operators see it.
//!
//! It must never hold more than people need to find the process.

use bastion_types::Timestamp;
use serde::Serialize;

/// A process and its lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeRecord {
    /// The lease's id.
    pub id: String,
    /// Leases are taken one after another: 1, 2, 3.
    pub epoch: i64,
    /// The machine's name.
    pub host: String,
    /// The process's number there.
    pub process: i64,
    /// Bastion's version.
    pub version: String,
    /// When the lease was taken. Times are those of the database's clock.
    pub began_at: Timestamp,
    /// The last sign of life.
    pub heartbeat_at: Timestamp,
    /// When the lease ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub ending: Option<LeaseEnding>,
    /// Has what it left been dealt with?
    pub settled: bool,
    /// Is it the process that tells this?
    pub this: bool,
}

/// How a lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LeaseEnding {
    /// The process was shut down.
    Closed,
    /// The process gave no sign of life: it was killed, frozen or cut off.
    Lapsed,
    /// Another process took the data directory.
    Replaced,
}

impl LeaseEnding {
    pub(super) fn parse(text: &str) -> Option<LeaseEnding> {
        [LeaseEnding::Closed, LeaseEnding::Lapsed, LeaseEnding::Replaced]
            .into_iter()
            .find(|ending| ending.as_str() == text)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            LeaseEnding::Closed => "closed",
            LeaseEnding::Lapsed => "lapsed",
            LeaseEnding::Replaced => "replaced",
        }
    }
}
