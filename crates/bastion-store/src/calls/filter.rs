//! Which recorded calls are asked for.
//!
//! It must never hold a limit: how many come back is the reader's word.

use bastion_types::{EnvironmentName, KeyId, RequestId};

/// Which calls are asked for; the default is all of them.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Only of this environment.
    pub environment: Option<EnvironmentName>,
    /// Only of this key.
    pub key_id: Option<KeyId>,
    /// Only answers with this status or a higher one.
    pub status_at_least: Option<u16>,
    /// Only calls older than this one, for the next page.
    pub before: Option<RequestId>,
}
