//! Resolves references to secrets: one file for each kind of store, this list, nothing else.
//!
//! A secret must never be part of an error's text.

mod env;
mod file;

use bastion_config::SecretReference;
use bastion_types::Secret;

/// Longest secret, in bytes: it must fit a header.
const MAX_SECRET_BYTES: usize = 8 * 1024;

/// Why a reference gives no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Nothing is there (yet): the gateway starts and is not ready.
    #[error("{0} resolves to nothing; {1}")]
    Absent(String, &'static str),
    /// Others can read it: the gateway does not start. Box `credentials.secret-store`.
    #[error("{0} can be read by other users (mode {1:04o}); run 'chmod 600' on it")]
    ReadableByOthers(String, u32),
    /// Something is there that cannot be a key.
    #[error("{0} {1}")]
    Unusable(String, &'static str),
}

impl ResolveError {
    /// Must the gateway not even start?
    pub fn forbids_start(&self) -> bool {
        matches!(self, ResolveError::ReadableByOthers(..))
    }
}

/// A kind of secret store.
trait References: Sync {
    /// The secret's text, if the reference is of this kind.
    fn read(&self, reference: &SecretReference) -> Option<Result<String, ResolveError>>;
}

const ALL: [&dyn References; 2] = [&env::Env, &file::File];

/// The secret behind a reference.
///
/// # Errors
/// When nothing is there, others can read it, or it cannot be a header's value.
pub fn resolve(reference: &SecretReference) -> Result<Secret, ResolveError> {
    let read = ALL.iter().find_map(|kind| kind.read(reference));
    let unknown = || Err(ResolveError::Unusable(reference.to_string(), "is of no known kind"));
    let text = read.unwrap_or_else(unknown)?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(ResolveError::Absent(reference.to_string(), "it is empty; put the key there"));
    }
    if text.len() > MAX_SECRET_BYTES || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let why = "holds what cannot be a key: one line of visible ASCII, at most 8 KiB";
        return Err(ResolveError::Unusable(reference.to_string(), why));
    }
    Ok(Secret::new(text.to_owned()))
}
