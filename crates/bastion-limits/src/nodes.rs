//! How many nodes share the limits, as far as is known.
//!
//! It must never be zero: this node is one of them.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The number of live nodes, this one included; cheap to clone. It begins as 1.
#[derive(Debug, Clone, Default)]
pub struct Nodes {
    /// Those beside this one.
    others: Arc<AtomicU32>,
}

impl Nodes {
    /// So many are alive.
    pub fn set(&self, alive: NonZeroU32) {
        self.others.store(alive.get().saturating_sub(1), Ordering::Relaxed);
    }

    /// How many are alive.
    pub fn alive(&self) -> NonZeroU32 {
        NonZeroU32::MIN.saturating_add(self.others.load(Ordering::Relaxed))
    }
}
