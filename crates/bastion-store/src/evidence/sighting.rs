//! From where a key was used.
//!
//! It must never hold a whole address.

use bastion_types::{KeyId, Timestamp};

/// A program and a network that used a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// Which key.
    pub key_id: KeyId,
    /// The program: its user agent without versions.
    pub agent: String,
    /// The network that it called from, as its prefix.
    pub network: String,
    /// When that was first seen.
    pub first_seen_at: Timestamp,
    /// When it was last seen, within an hour.
    pub last_seen_at: Timestamp,
}
