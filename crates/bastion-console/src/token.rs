//! The operators' credential: `Authorization: Bearer <token>`, compared by digest.
//!
//! It must never keep or print the plain token, and never take longer for a nearer guess.

use bastion_types::Secret;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How callers' keys begin; one sent here is a mix-up worth a word.
const CALLER_KEY_PREFIX: &str = "bst_";

/// The SHA-256 of the operators' token.
pub(crate) struct TokenDigest([u8; 32]);

/// Why a request is not an operator's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenProblem {
    /// No credential was sent.
    Missing,
    /// Not one `Bearer` credential.
    Malformed,
    /// A caller's key.
    CallerKey,
    /// Another token.
    Wrong,
}

impl TokenDigest {
    /// Of the token that operators show.
    pub(crate) fn of(token: &Secret) -> TokenDigest {
        TokenDigest(Sha256::digest(token.expose().as_bytes()).into())
    }

    /// Did an operator send these headers?
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<(), TokenProblem> {
        let presented = presented(headers)?;
        let digest: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        if self.0.ct_eq(&digest).into() {
            Ok(())
        } else if presented.starts_with(CALLER_KEY_PREFIX) {
            Err(TokenProblem::CallerKey)
        } else {
            Err(TokenProblem::Wrong)
        }
    }
}

fn presented(headers: &HeaderMap) -> Result<&str, TokenProblem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (first, second) = (values.next(), values.next());
    let value = first.ok_or(TokenProblem::Missing)?;
    let value = value.to_str().map_err(|_| TokenProblem::Malformed)?;
    let (scheme, token) = value.trim().split_once(' ').ok_or(TokenProblem::Malformed)?;
    let token = token.trim();
    if second.is_some() || !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(TokenProblem::Malformed);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expect: Result<(), TokenProblem>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        let token = TokenDigest::of(&Secret::new("bop_0123456789abcdef".to_owned()));
        assert_eq!(token.check(&headers), expect, "{values:?}");
    }

    #[test]
    fn only_the_whole_token_opens() {
        check(&[], Err(TokenProblem::Missing));
        check(&["bop_0123456789abcdef"], Err(TokenProblem::Malformed));
        check(&["Basic bop_0123456789abcdef"], Err(TokenProblem::Malformed));
        check(&["Bearer "], Err(TokenProblem::Malformed));
        check(
            &["Bearer bop_0123456789abcdef", "Bearer bop_0123456789abcdef"],
            Err(TokenProblem::Malformed),
        );
        check(&["Bearer bop_0123456789abcde"], Err(TokenProblem::Wrong));
        check(&["Bearer bop_0123456789abcdefg"], Err(TokenProblem::Wrong));
        check(&["Bearer bst_prod_1"], Err(TokenProblem::CallerKey));
        check(&["Bearer bop_0123456789abcdef"], Ok(()));
        check(&["bearer  bop_0123456789abcdef "], Ok(()));
    }
}
