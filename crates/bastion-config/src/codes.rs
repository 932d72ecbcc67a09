//! Every diagnostic's stable code, and its page for `bastion explain`.
//!
//! A code must never be renamed: people search for it and scripts match on it.

pub(crate) const SYNTAX: &str = "syntax";
pub(crate) const DUPLICATE: &str = "duplicate";
pub(crate) const UNKNOWN_KEY: &str = "unknown_key";
pub(crate) const UNKNOWN_VARIABLE: &str = "unknown_variable";
pub(crate) const MISSING_KEY: &str = "missing_key";
pub(crate) const WRONG_TYPE: &str = "wrong_type";
pub(crate) const WRONG_UNIT: &str = "wrong_unit";
pub(crate) const BAD_VALUE: &str = "bad_value";
pub(crate) const BAD_NAME: &str = "bad_name";
pub(crate) const OUT_OF_RANGE: &str = "out_of_range";
pub(crate) const SET_TWICE: &str = "set_twice";
pub(crate) const LITERAL_SECRET: &str = "literal_secret";
pub(crate) const PLAIN_HTTP: &str = "plain_http";
pub(crate) const FORBIDDEN_HEADER: &str = "forbidden_header";
pub(crate) const NOT_IN_THIS_VERSION: &str = "not_in_this_version";
pub(crate) const UNKNOWN_UPSTREAM: &str = "unknown_upstream";
pub(crate) const UNKNOWN_MODEL: &str = "unknown_model";
pub(crate) const UNPRICED_MODEL: &str = "unpriced_model";
pub(crate) const UNBOUNDED_MODEL: &str = "unbounded_model";
pub(crate) const UNKNOWN_ENVIRONMENT: &str = "unknown_environment";
pub(crate) const UNKNOWN_BOX: &str = "unknown_box";
pub(crate) const SAME_ADDRESS: &str = "same_address";
pub(crate) const LOCAL_LIMITS: &str = "local_limits";
pub(crate) const OPERATOR_EXPOSED: &str = "operator_exposed";
pub(crate) const FEW_CALLS: &str = "few_calls";
pub(crate) const UNREACHABLE_REGION: &str = "unreachable_region";

/// Every diagnostic's stable code, with its page: what it means, why, how to mend it, an example.
pub const CODES: &[(&str, &str)] = &[
    (SYNTAX, include_str!("codes/syntax.md")),
    (DUPLICATE, include_str!("codes/duplicate.md")),
    (UNKNOWN_KEY, include_str!("codes/unknown_key.md")),
    (UNKNOWN_VARIABLE, include_str!("codes/unknown_variable.md")),
    (MISSING_KEY, include_str!("codes/missing_key.md")),
    (WRONG_TYPE, include_str!("codes/wrong_type.md")),
    (WRONG_UNIT, include_str!("codes/wrong_unit.md")),
    (BAD_VALUE, include_str!("codes/bad_value.md")),
    (BAD_NAME, include_str!("codes/bad_name.md")),
    (OUT_OF_RANGE, include_str!("codes/out_of_range.md")),
    (SET_TWICE, include_str!("codes/set_twice.md")),
    (LITERAL_SECRET, include_str!("codes/literal_secret.md")),
    (PLAIN_HTTP, include_str!("codes/plain_http.md")),
    (FORBIDDEN_HEADER, include_str!("codes/forbidden_header.md")),
    (NOT_IN_THIS_VERSION, include_str!("codes/not_in_this_version.md")),
    (UNKNOWN_UPSTREAM, include_str!("codes/unknown_upstream.md")),
    (UNKNOWN_MODEL, include_str!("codes/unknown_model.md")),
    (UNPRICED_MODEL, include_str!("codes/unpriced_model.md")),
    (UNBOUNDED_MODEL, include_str!("codes/unbounded_model.md")),
    (UNKNOWN_ENVIRONMENT, include_str!("codes/unknown_environment.md")),
    (UNKNOWN_BOX, include_str!("codes/unknown_box.md")),
    (SAME_ADDRESS, include_str!("codes/same_address.md")),
    (LOCAL_LIMITS, include_str!("codes/local_limits.md")),
    (OPERATOR_EXPOSED, include_str!("codes/operator_exposed.md")),
    (FEW_CALLS, include_str!("codes/few_calls.md")),
    (UNREACHABLE_REGION, include_str!("codes/unreachable_region.md")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_with_an_example_and_stands_once() {
        for (at, (code, page)) in CODES.iter().enumerate() {
            let title = format!("# {code}\n");
            assert!(page.starts_with(&title), "{code}: the page begins with its code");
            for part in ["\n## Why\n", "\n## Mend\n", "\n## Example\n"] {
                assert!(page.contains(part), "{code}: {part:?} is missing");
            }
            assert!(CODES.iter().skip(at + 1).all(|(other, _)| other != code), "{code} twice");
            assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
        }
    }
}
