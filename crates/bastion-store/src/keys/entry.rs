//! A key as the path of a call sees it: who calls, what is allowed, and the hashes to compare.
//!
//! It must never change but for its last use: a change is a new entry. It must never print a hash.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bastion_types::{
    ApiKey, EnvironmentName, HashedKey, KeyId, KeyProblem, OrganizationName, ServiceName, Timestamp,
};

use super::record::{KeyBonds, KeyRecord, NewKey, SecretInfo};

/// Stands for 'never' in the atomic words of [`LastUse`].
const NEVER: i64 = i64::MIN;

/// What [`authenticate`](crate::KeyDirectory::authenticate) returns.
#[derive(Debug, Clone)]
pub struct KeyEntry {
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
    /// Requests a minute.
    pub rpm: Option<u32>,
    /// Tokens a minute.
    pub tpm: Option<u64>,
    /// Calls at the same time.
    pub concurrency: Option<u32>,
    /// The number of its last change.
    pub(super) change: i64,
    /// What it is bound to.
    pub bonds: KeyBonds,
    /// Oldest first.
    pub(super) secrets: Vec<StoredSecret>,
    pub(super) last_use: LastUse,
}

/// A secret as it is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredSecret {
    pub(super) hash: HashedKey,
    pub(super) created_at: Timestamp,
    pub(super) ends_at: Option<Timestamp>,
}

/// When a key was last used, shared by all entries that the key ever had.
#[derive(Debug, Clone)]
pub(super) struct LastUse {
    words: Arc<LastUseWords>,
}

#[derive(Debug)]
struct LastUseWords {
    at_us: AtomicI64,
    written_us: AtomicI64,
}

impl KeyEntry {
    pub(super) fn new(new: NewKey, plain: &ApiKey, now: Timestamp) -> KeyEntry {
        KeyEntry {
            id: plain.id(),
            organization: new.organization,
            environment: new.environment,
            service: new.service,
            created_at: now,
            expires_at: new.expires_at,
            revoked_at: None,
            rpm: new.rpm,
            tpm: new.tpm,
            concurrency: new.concurrency,
            change: 0,
            bonds: new.bonds,
            secrets: vec![StoredSecret { hash: plain.hashed(), created_at: now, ends_at: None }],
            last_use: LastUse::new(None),
        }
    }

    /// Does this key open a call? If so, marks its last use.
    pub(super) fn admit(
        &self,
        environment: &EnvironmentName,
        hash: &HashedKey,
        now: Timestamp,
    ) -> Result<(), KeyProblem> {
        let (mut known, mut live) = (false, false);
        // Every secret is compared, so that the time does not tell which one fits.
        for secret in &self.secrets {
            let fits = secret.hash.matches(hash);
            known |= fits;
            live |= fits & secret.is_live(now);
        }
        if !known || *environment != self.environment {
            return Err(KeyProblem::Unknown);
        }
        if self.revoked_at.is_some() || !live {
            return Err(KeyProblem::Revoked);
        }
        if self.is_expired(now) {
            return Err(KeyProblem::Expired);
        }
        self.last_use.mark(now);
        Ok(())
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    pub(super) fn revoked(&self, now: Timestamp) -> KeyEntry {
        KeyEntry { revoked_at: Some(now), ..self.clone() }
    }

    /// The same key with the last use that `known` has, which all its entries share.
    pub(super) fn used_as(self, known: &KeyEntry) -> KeyEntry {
        KeyEntry { last_use: known.last_use.clone(), ..self }
    }

    pub(super) fn record(&self) -> KeyRecord {
        let told = |secret: &StoredSecret| SecretInfo {
            created_at: secret.created_at,
            ends_at: secret.ends_at,
        };
        KeyRecord {
            id: self.id,
            organization: self.organization.clone(),
            environment: self.environment.clone(),
            service: self.service.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            last_used_at: self.last_use.at(),
            rpm: self.rpm,
            tpm: self.tpm,
            concurrency: self.concurrency,
            bonds: self.bonds.clone(),
            secrets: self.secrets.iter().map(told).collect(),
        }
    }

    /// The last use, if it is later than what the database has.
    pub(super) fn unwritten_last_use(&self) -> Option<Timestamp> {
        let written_us = self.last_use.words.written_us.load(Ordering::Relaxed);
        self.last_use.at().filter(|at| at.micros() > written_us)
    }

    pub(super) fn last_use_was_written(&self, at: Timestamp) {
        self.last_use.words.written_us.fetch_max(at.micros(), Ordering::Relaxed);
    }
}

impl StoredSecret {
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.ends_at.is_none_or(|at| at > now)
    }
}

impl LastUse {
    pub(super) fn new(written: Option<Timestamp>) -> LastUse {
        let at_us = written.map_or(NEVER, Timestamp::micros);
        let words =
            LastUseWords { at_us: AtomicI64::new(at_us), written_us: AtomicI64::new(at_us) };
        LastUse { words: Arc::new(words) }
    }

    fn mark(&self, now: Timestamp) {
        self.words.at_us.fetch_max(now.micros(), Ordering::Relaxed);
    }

    fn at(&self) -> Option<Timestamp> {
        let at_us = self.words.at_us.load(Ordering::Relaxed);
        (at_us != NEVER).then_some(Timestamp::from_micros(at_us))
    }
}
