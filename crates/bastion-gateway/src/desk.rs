//! What a call has at hand on its thread: the process-wide tools and the thread's connections.
//!
//! It must never hold anything of one call.

use std::sync::Arc;

use bastion_runtime::Tasks;

use crate::gateway::Gateway;
use crate::pool::Pool;

/// One thread's tools.
pub(crate) struct Desk {
    /// The process-wide ones.
    pub(crate) gateway: Arc<Gateway>,
    /// This thread's connections to upstreams.
    pub(crate) pool: Arc<Pool>,
    /// The tasks that this thread waits for in a drain.
    pub(crate) tasks: Tasks,
}
