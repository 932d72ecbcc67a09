//! A key as operators see it, and what they say to make one.
//!
//! It must never hold a secret or a hash of one.

use bastion_types::{
    Enforce, EnvironmentName, KeyId, Money, OrganizationName, ServiceName, SurfaceName, Timestamp,
};
use serde::Serialize;

/// What an operator says to make a key.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose it is.
    pub organization: OrganizationName,
    /// Where it counts; the environment stands in the key.
    pub environment: EnvironmentName,
    /// Who calls with it.
    pub service: ServiceName,
    /// From when on it opens nothing; none: it does not expire.
    pub expires_at: Option<Timestamp>,
    /// Requests a minute; none: no limit.
    pub rpm: Option<u32>,
    /// Tokens a minute; none: no limit. Stored as at most 2⁶³ − 1.
    pub tpm: Option<u64>,
    /// Calls at the same time; none: no limit.
    pub concurrency: Option<u32>,
    /// What it is bound to.
    pub bonds: KeyBonds,
}

/// What a key is bound to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct KeyBonds {
    /// The use cases that it may call for; none: any.
    pub surfaces: Vec<SurfaceName>,
    /// Are the refusals of surfaces, budgets and caps applied to it?
    pub enforce: Enforce,
    /// The most that it may spend in a month; none: no cap.
    pub monthly_cap: Option<Money>,
    /// The most that it may spend in a day; none: no cap.
    pub daily_cap: Option<Money>,
}

/// A key as the operator API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyRecord {
    /// What the key is known by.
    pub id: KeyId,
    /// Whose it is.
    pub organization: OrganizationName,
    /// Where it counts.
    pub environment: EnvironmentName,
    /// Who calls with it.
    pub service: ServiceName,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it opens nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it last opened a call.
    pub last_used_at: Option<Timestamp>,
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute.
    pub tpm: Option<u64>,
    /// Calls at the same time.
    pub concurrency: Option<u32>,
    /// What it is bound to.
    #[serde(flatten)]
    pub bonds: KeyBonds,
    /// Its secrets, oldest first; ended ones are kept for a while.
    pub secrets: Vec<SecretInfo>,
}

/// What may be told of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SecretInfo {
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends or ended; none: with the key.
    pub ends_at: Option<Timestamp>,
}
