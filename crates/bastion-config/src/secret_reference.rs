//! Where a secret is found: `env:NAME` or `file:PATH`.
//!
//! It must never hold the secret itself, and its errors must never repeat what was written.

use std::fmt;
use std::path::PathBuf;

/// Where a secret is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretReference {
    /// An environment variable of this process.
    Env(String),
    /// A file that holds the secret and perhaps a line end.
    File(PathBuf),
}

/// Schemes of the interface that are not in this version.
const UNBUILT_SCHEMES: [&str; 4] = ["vault", "aws-sm", "gcp-sm", "systemd-cred"];

/// Why a text is not a reference of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReferenceError {
    /// Something else, perhaps the secret itself.
    Literal,
    /// `env:` with what cannot be a variable's name.
    VariableName,
    /// `file:` and nothing behind it.
    NoPath,
    /// A secret store that is not in this version.
    Unbuilt(&'static str),
}

impl SecretReference {
    /// Reads `env:NAME` or `file:PATH`; a relative path stays relative.
    pub(crate) fn parse(text: &str) -> Result<SecretReference, ReferenceError> {
        let (scheme, rest) = text.split_once(':').ok_or(ReferenceError::Literal)?;
        match scheme {
            "env" if is_variable_name(rest) => Ok(SecretReference::Env(rest.to_owned())),
            "env" => Err(ReferenceError::VariableName),
            "file" if rest.is_empty() || rest.contains('\0') => Err(ReferenceError::NoPath),
            "file" => Ok(SecretReference::File(PathBuf::from(rest))),
            _ => Err(UNBUILT_SCHEMES
                .into_iter()
                .find(|unbuilt| *unbuilt == scheme)
                .map_or(ReferenceError::Literal, ReferenceError::Unbuilt)),
        }
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretReference::Env(name) => write!(f, "env:{name}"),
            SecretReference::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// May this text be shown, since it only says where a secret is?
pub(crate) fn is_reference(text: &str) -> bool {
    matches!(SecretReference::parse(text), Ok(_) | Err(ReferenceError::Unbuilt(_)))
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Result<&str, ReferenceError>) {
        let got = SecretReference::parse(text).map(|reference| reference.to_string());
        assert_eq!(got, expect.map(str::to_owned), "{text}");
    }

    #[test]
    fn only_references_are_taken() {
        check("env:QUBITTRON_API_KEY", Ok("env:QUBITTRON_API_KEY"));
        check("file:secrets/key", Ok("file:secrets/key"));
        check("qbt_live", Err(ReferenceError::Literal));
        check("$KEY", Err(ReferenceError::Literal));
        check("Env:KEY", Err(ReferenceError::Literal));
        check("https://x", Err(ReferenceError::Literal));
        check("", Err(ReferenceError::Literal));
        check("env:", Err(ReferenceError::VariableName));
        check("env:sk-proj", Err(ReferenceError::VariableName));
        check("env:1A", Err(ReferenceError::VariableName));
        check("file:", Err(ReferenceError::NoPath));
        check("vault:kv/x#y", Err(ReferenceError::Unbuilt("vault")));
    }
}
