//! Rotation: a second secret under the same id, and an end for the old ones.
//!
//! It must never make an old secret live longer than it already would.

use bastion_types::{HashedKey, KeyId, Span, Timestamp};

use super::entry::{KeyEntry, StoredSecret};
use crate::StoreError;

/// Secrets of one key that may open calls at the same time.
pub const MAX_LIVE_SECRETS: usize = 4;

/// Secrets of one key that are kept, ended ones included: an older one is 'unknown', not 'revoked'.
const MAX_KEPT_SECRETS: usize = 16;

/// How long the old secrets go on after a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlap {
    /// Not at all: the old ones end at once.
    Now,
    /// For so long.
    For(Span),
}

/// Why a key is not changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no such key.
    #[error("there is no key {id}; 'bastion keys list' shows those that are")]
    Unknown {
        /// The id that was asked for.
        id: KeyId,
    },
    /// It was revoked.
    #[error("the key {id} is revoked; make a new one with 'bastion keys create'")]
    Revoked {
        /// The key.
        id: KeyId,
    },
    /// Its time is over.
    #[error("the key {id} has expired; make a new one with 'bastion keys create'")]
    Expired {
        /// The key.
        id: KeyId,
    },
    /// Too many secrets would be live.
    #[error(
        "the key {id} has {max} live secrets; wait until the overlap of one is over, or end \
             them all with 'bastion keys rotate {id} --now'"
    )]
    TooManySecrets {
        /// The key.
        id: KeyId,
        /// The limit.
        max: usize,
    },
    /// The store could not.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The entry after a rotation.
pub(super) fn rotated(
    before: &KeyEntry,
    hash: HashedKey,
    overlap: Overlap,
    now: Timestamp,
) -> Result<KeyEntry, KeyError> {
    let id = before.id;
    if before.revoked_at.is_some() {
        return Err(KeyError::Revoked { id });
    }
    if before.is_expired(now) {
        return Err(KeyError::Expired { id });
    }
    let end = match overlap {
        Overlap::Now => now,
        Overlap::For(span) => now.plus(span),
    };
    let ending = |old: &StoredSecret| StoredSecret {
        ends_at: Some(old.ends_at.map_or(end, |already| already.min(end))),
        ..*old
    };
    let mut secrets: Vec<_> = before.secrets.iter().map(ending).collect();
    secrets.push(StoredSecret { hash, created_at: now, ends_at: None });
    if secrets.iter().filter(|secret| secret.is_live(now)).count() > MAX_LIVE_SECRETS {
        return Err(KeyError::TooManySecrets { id, max: MAX_LIVE_SECRETS });
    }
    drop_oldest_ended(&mut secrets, now);
    Ok(KeyEntry { secrets, ..before.clone() })
}

fn drop_oldest_ended(secrets: &mut Vec<StoredSecret>, now: Timestamp) {
    let mut surplus = secrets.len().saturating_sub(MAX_KEPT_SECRETS);
    secrets.retain(|secret| {
        let drop_it = surplus > 0 && !secret.is_live(now);
        surplus = surplus.saturating_sub(usize::from(drop_it));
        !drop_it
    });
}

#[cfg(test)]
mod tests {
    use bastion_types::{ApiKey, EnvironmentName, OrganizationName, ServiceName};

    use super::*;
    use crate::NewKey;

    const HOUR: Span = Span::from_secs(3600);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn hash() -> HashedKey {
        let environment = EnvironmentName::parse("prod").unwrap();
        ApiKey::generate(&environment).unwrap().hashed()
    }

    fn entry() -> KeyEntry {
        let environment = EnvironmentName::parse("prod").unwrap();
        let plain = ApiKey::generate(&environment).unwrap();
        let new = NewKey {
            organization: OrganizationName::parse("default").unwrap(),
            environment,
            service: ServiceName::parse("worker").unwrap(),
            expires_at: Some(at(1_000_000)),
            rpm: None,
            tpm: None,
            concurrency: None,
            bonds: crate::KeyBonds::default(),
        };
        KeyEntry::new(new, &plain, at(0))
    }

    fn ends(entry: &KeyEntry) -> Vec<Option<Timestamp>> {
        entry.secrets.iter().map(|secret| secret.ends_at).collect()
    }

    #[test]
    fn a_key_that_opens_nothing_is_not_rotated() {
        let revoked = entry().revoked(at(1));
        let error = rotated(&revoked, hash(), Overlap::Now, at(2)).unwrap_err();
        assert!(matches!(error, KeyError::Revoked { .. }));
        let error = rotated(&entry(), hash(), Overlap::Now, at(1_000_000)).unwrap_err();
        assert!(matches!(error, KeyError::Expired { .. }));
    }

    #[test]
    fn an_old_secret_ends_no_later_than_it_already_would() {
        let once = rotated(&entry(), hash(), Overlap::For(HOUR), at(10)).unwrap();
        assert_eq!(ends(&once), [Some(at(3610)), None]);
        let twice = rotated(&once, hash(), Overlap::For(HOUR), at(20)).unwrap();
        assert_eq!(ends(&twice), [Some(at(3610)), Some(at(3620)), None]);
        let now = rotated(&twice, hash(), Overlap::Now, at(30)).unwrap();
        assert_eq!(ends(&now), [Some(at(30)), Some(at(30)), Some(at(30)), None]);
    }

    #[test]
    fn live_secrets_have_a_limit_and_a_way_out() {
        let mut entry = entry();
        for _ in 1..MAX_LIVE_SECRETS {
            entry = rotated(&entry, hash(), Overlap::For(HOUR), at(10)).unwrap();
        }
        let error = rotated(&entry, hash(), Overlap::For(HOUR), at(10)).unwrap_err();
        assert!(error.to_string().contains("--now"), "{error}");
        assert!(rotated(&entry, hash(), Overlap::For(HOUR), at(3610)).is_ok());
        assert!(rotated(&entry, hash(), Overlap::Now, at(10)).is_ok());
    }

    #[test]
    fn ended_secrets_do_not_pile_up() {
        let mut entry = entry();
        for second in 1..100 {
            entry = rotated(&entry, hash(), Overlap::Now, at(second)).unwrap();
        }
        assert_eq!(entry.secrets.len(), MAX_KEPT_SECRETS);
        assert_eq!(entry.secrets.last().unwrap().created_at, at(99));
        assert_eq!(entry.secrets[0].created_at, at(100 - 16));
    }
}
