//! A charge that stands in the ledger already.
//!
//! It must never be taken for a sweep's once it was put right.

use super::super::marks::Marks;

/// A charge that was written before.
#[derive(Debug, Clone, Copy)]
pub(in crate::ledger) struct Earlier {
    pub(in crate::ledger) amount: i64,
    /// What was added and given back by hand since.
    pub(in crate::ledger) by_hand: i64,
    pub(in crate::ledger) marks: Marks,
    /// A later correction by its own usage is there, too.
    pub(in crate::ledger) corrected: bool,
    pub(in crate::ledger) on_balance: bool,
}

impl Earlier {
    /// A sweep wrote it, knowing nothing of the call, and nothing has put it right.
    pub(super) fn is_of_a_sweep(&self) -> bool {
        self.marks.has(Marks::UNKNOWN_OUTCOME) && !self.corrected
    }
}
