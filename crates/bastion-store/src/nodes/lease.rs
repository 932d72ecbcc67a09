//! What a lease is known by.
//!
//! It must never be used twice: it is random, and never given back.

use std::fmt;
use std::sync::Arc;

use crate::StoreError;

/// Bytes of randomness of a lease.
const LEASE_BYTES: usize = 16;

/// A lease's id: `lease_` and 32 hexadecimal digits. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LeaseId(Arc<str>);

impl LeaseId {
    /// A new one.
    pub(crate) fn generate() -> Result<LeaseId, StoreError> {
        let mut bytes = [0_u8; LEASE_BYTES];
        getrandom::fill(&mut bytes).map_err(|_| StoreError::NoRandomness)?;
        let hex = bytes.iter().map(|byte| format!("{byte:02x}"));
        let text: String = std::iter::once("lease_".to_owned()).chain(hex).collect();
        Ok(LeaseId(text.into()))
    }

    /// One that the database has.
    pub(crate) fn stored(text: &str) -> LeaseId {
        LeaseId(text.into())
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
