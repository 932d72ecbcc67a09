//! What the limits tell the house: who counts, and what was counted otherwise than it should be.
//!
//! It must never be asked anything: the limits decide without it.

use std::num::NonZeroU32;

/// Who counts the limits of a deployment that shares them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting<'a> {
    /// All nodes together, in Redis.
    Together,
    /// In Redis, but for some keys: this node's share of them, for this reason.
    TogetherBut(&'a str),
    /// This node alone: its share, for this reason.
    Alone(&'a str),
}

/// Who is told. It must not wait.
pub trait Watcher: Send + Sync + 'static {
    /// Told at each change, and once when it was tried to reach Redis.
    fn counting(&self, counting: Counting<'_>, nodes: NonZeroU32);
    /// A call was decided by this node's share.
    fn decided_alone(&self);
    /// So many calls ended and Redis was not told: their slots come back when their leases end.
    fn untold(&self, calls: u64);
}
