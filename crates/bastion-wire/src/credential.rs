//! Reads the one credential of a request: `Authorization: Bearer …`, or `x-api-key`.
//!
//! It must never choose between two credentials that differ, and never copy one.

use bastion_types::KeyProblem;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};

static SYNONYM: HeaderName = HeaderName::from_static("x-api-key");

/// The key's text as the caller sent it.
///
/// # Errors
/// [`KeyProblem::Missing`] when there is none, [`KeyProblem::Malformed`] when there are several
/// or the scheme is not Bearer.
pub fn bearer(headers: &HeaderMap) -> Result<&str, KeyProblem> {
    let bearer = only(headers, &AUTHORIZATION)?.map(without_scheme).transpose()?;
    let synonym = only(headers, &SYNONYM)?.map(str::trim);
    match (bearer, synonym) {
        (Some(key), Some(same)) if key != same => Err(KeyProblem::Malformed),
        (Some(key), _) | (None, Some(key)) => Ok(key),
        (None, None) => Err(KeyProblem::Missing),
    }
}

/// The value of a header that may stand once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, KeyProblem> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| KeyProblem::Malformed),
        (Some(_), Some(_)) => Err(KeyProblem::Malformed),
    }
}

fn without_scheme(value: &str) -> Result<&str, KeyProblem> {
    let (scheme, key) = value.trim().split_once(' ').ok_or(KeyProblem::Malformed)?;
    let key = key.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !key.is_empty() {
        Ok(key)
    } else {
        Err(KeyProblem::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[(&'static str, &str)], expect: Result<&str, KeyProblem>) {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        assert_eq!(bearer(&headers), expect, "{lines:?}");
    }

    #[test]
    fn one_credential_is_read_and_two_are_refused() {
        check(&[("authorization", "Bearer bst_1")], Ok("bst_1"));
        check(&[("authorization", "bearer  bst_1 ")], Ok("bst_1"));
        check(&[("x-api-key", "bst_1")], Ok("bst_1"));
        check(&[("authorization", "Bearer a"), ("x-api-key", "a")], Ok("a"));
        check(&[("authorization", "Bearer a"), ("x-api-key", "b")], Err(KeyProblem::Malformed));
        check(
            &[("authorization", "Bearer a"), ("authorization", "Bearer a")],
            Err(KeyProblem::Malformed),
        );
        check(&[("authorization", "Basic a")], Err(KeyProblem::Malformed));
        check(&[("authorization", "Bearer ")], Err(KeyProblem::Malformed));
        check(&[], Err(KeyProblem::Missing));
    }
}
