//! A caller's key: `bst_<env>_<id>_<secret><check>`.
//!
//! The plain key exists where it is made and where a call is authenticated; behind that only
//! [`HashedKey`] and [`KeyId`] go on. Source: the key format of the interface.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{EnvironmentName, Secret, base62};

const PREFIX: &str = "bst_";
const ID_LEN: usize = 12;
/// 43 letters of base62 hold 256 bits.
const SECRET_LEN: usize = 43;
const CHECK_LEN: usize = 6;

/// What a key is known by, everywhere and through every rotation: 12 letters of base62.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; ID_LEN]);

/// The SHA-256 of a whole key: the only form in which a key is stored.
///
/// Neither salt nor stretching: the secret has 256 random bits.
#[derive(Clone, Copy)]
pub struct HashedKey([u8; 32]);

/// A plain key. It exists in a few functions only and never prints.
pub struct ApiKey {
    text: Secret,
    id: KeyId,
    environment: EnvironmentName,
}

/// Why a text is not a key of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFormatError {
    /// Something else: another provider's key, or no key at all.
    #[error("this is not a key of Bastion (they begin with bst_)")]
    Foreign,
    /// The form is ours, the check letters are not: a letter was lost or changed.
    #[error("the key is mistyped: its check letters do not fit")]
    Mistyped,
}

impl ApiKey {
    /// A new key with a new id.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate(environment: &EnvironmentName) -> Result<ApiKey, getrandom::Error> {
        ApiKey::generate_for(environment, KeyId(base62::random::<ID_LEN>()?))
    }

    /// A new secret under an id that exists: what rotation makes.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate_for(
        environment: &EnvironmentName,
        id: KeyId,
    ) -> Result<ApiKey, getrandom::Error> {
        let secret = base62::random::<SECRET_LEN>()?;
        let mut text = format!("{PREFIX}{environment}_{id}_");
        text.extend(secret.iter().map(|byte| char::from(*byte)));
        let check = check_letters(text.as_bytes());
        text.extend(check.iter().map(|byte| char::from(*byte)));
        Ok(ApiKey { text: Secret::new(text), id, environment: environment.clone() })
    }

    /// Reads a key, and tells a mistyped one from a foreign one without asking anyone.
    ///
    /// # Errors
    /// When the text has another form or its check letters do not fit.
    pub fn parse(text: &str) -> Result<ApiKey, KeyFormatError> {
        let rest = text.strip_prefix(PREFIX).ok_or(KeyFormatError::Foreign)?;
        let mut parts = rest.rsplitn(3, '_');
        let (Some(tail), Some(id), Some(environment)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(KeyFormatError::Mistyped);
        };
        let id = KeyId::parse(id).ok_or(KeyFormatError::Mistyped)?;
        let environment =
            EnvironmentName::parse(environment).map_err(|_| KeyFormatError::Mistyped)?;
        let whole = tail.len() == SECRET_LEN + CHECK_LEN && tail.bytes().all(base62::is_letter);
        let body = text.len().checked_sub(CHECK_LEN).and_then(|at| text.split_at_checked(at));
        match body {
            Some((body, check)) if whole && check_letters(body.as_bytes()) == check.as_bytes() => {
                Ok(ApiKey { text: Secret::new(text.to_owned()), id, environment })
            }
            _ => Err(KeyFormatError::Mistyped),
        }
    }

    /// The id inside the key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The environment inside the key.
    pub fn environment(&self) -> &EnvironmentName {
        &self.environment
    }

    /// What is stored and compared.
    pub fn hashed(&self) -> HashedKey {
        HashedKey(Sha256::digest(self.text.expose().as_bytes()).into())
    }

    /// The plain text, to be shown once to the one who asked for the key.
    pub fn reveal(&self) -> &str {
        self.text.expose()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey")
    }
}

fn check_letters(body: &[u8]) -> [u8; CHECK_LEN] {
    base62::encode(u64::from(crc32fast::hash(body)))
}

impl KeyId {
    /// Reads an id: exactly 12 letters of base62.
    pub fn parse(text: &str) -> Option<KeyId> {
        let letters: [u8; ID_LEN] = text.as_bytes().try_into().ok()?;
        letters.iter().all(|byte| base62::is_letter(*byte)).then_some(KeyId(letters))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

impl serde::Serialize for KeyId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl HashedKey {
    /// From the 32 bytes that the store holds.
    pub const fn from_bytes(bytes: [u8; 32]) -> HashedKey {
        HashedKey(bytes)
    }

    /// The 32 bytes, for the store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Are they the same key? Takes the same time whatever the answer.
    pub fn matches(&self, other: &HashedKey) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for HashedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prod() -> EnvironmentName {
        EnvironmentName::parse("prod").unwrap()
    }

    #[test]
    fn a_key_reads_back_as_what_it_is() {
        let key = ApiKey::generate(&prod()).unwrap();
        assert_eq!(key.reveal().len(), "bst_prod_".len() + 12 + 1 + 43 + 6);
        let read = ApiKey::parse(key.reveal()).unwrap();
        assert_eq!(read.id(), key.id());
        assert_eq!(read.environment().as_str(), "prod");
        assert!(read.hashed().matches(&key.hashed()));
    }

    #[test]
    fn rotation_keeps_the_id_and_changes_the_secret() {
        let old = ApiKey::generate(&prod()).unwrap();
        let new = ApiKey::generate_for(&prod(), old.id()).unwrap();
        assert_eq!(new.id(), old.id());
        assert!(!new.hashed().matches(&old.hashed()));
    }

    #[test]
    fn a_changed_letter_is_told_from_a_foreign_key() {
        let key = ApiKey::generate(&prod()).unwrap();
        let changed = if key.reveal().ends_with('0') { "1" } else { "0" };
        let mut text = key.reveal().to_owned();
        text.replace_range(text.len() - 1.., changed);
        assert_eq!(ApiKey::parse(&text).unwrap_err(), KeyFormatError::Mistyped);
        for mistyped in ["bst_", "bst_prod", "bst_prod_x_y", &key.reveal()[..40], "bst_é_ü_ö"] {
            assert_eq!(
                ApiKey::parse(mistyped).unwrap_err(),
                KeyFormatError::Mistyped,
                "{mistyped}"
            );
        }
        assert_eq!(ApiKey::parse("sk-123").unwrap_err(), KeyFormatError::Foreign);
    }

    #[test]
    fn neither_key_nor_hash_prints() {
        let key = ApiKey::generate(&prod()).unwrap();
        assert_eq!(format!("{key:?} {:?}", key.hashed()), "ApiKey HashedKey");
    }
}
