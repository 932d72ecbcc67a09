//! What a batch must know before it is decided upon.
//!
//! It must never be more than what its calls ask for: no sum over history.

use bastion_types::RequestId;

use super::super::books::OpenHold;

/// What is looked up beside the accounts.
#[derive(Debug, Default)]
pub(in crate::ledger) struct Needs {
    /// Holds as their tickets say they are.
    pub(in crate::ledger) assumed: Vec<OpenHold>,
    /// Calls whose holds must be read; where one is not there, its charge is.
    pub(in crate::ledger) holds: Vec<RequestId>,
    /// Calls that may have a charge already.
    pub(in crate::ledger) charges: Vec<RequestId>,
}
