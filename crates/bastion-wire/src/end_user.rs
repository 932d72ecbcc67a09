//! The end user's id, as a request may name it.
//!
//! It must never be longer than a label is, nor hold what no line can, nor be a key: it is stored and
//! shown.

use std::borrow::Cow;

use bastion_types::{ApiKey, Refusal};

/// Longest id, in bytes.
const MAX_USER_BYTES: usize = 256;

/// The id, if it can be stored and shown in one line: no control characters, of which a database
/// keeps no NUL.
///
/// # Errors
/// 400 for one that is too long, or more than a line, or a key of this gateway.
pub fn end_user<'a>(param: &'static str, user: Cow<'a, str>) -> Result<Cow<'a, str>, Refusal> {
    if ApiKey::parse(&user).is_ok() {
        let message =
            format!("'{param}' holds a key; name the end user, and let the key be rotated");
        return Err(Refusal::invalid_field(param, message));
    }
    if user.len() <= MAX_USER_BYTES && !user.chars().any(char::is_control) {
        return Ok(user);
    }
    let rule = format!("'{param}' must be a string of at most {MAX_USER_BYTES} bytes on one line");
    Err(Refusal::invalid_field(param, rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_short_line() {
        let read = |user: &str| end_user("user", Cow::Owned(user.to_owned()));
        assert_eq!(read("u-1 \u{e9}").unwrap(), "u-1 \u{e9}");
        assert!(read(&"u".repeat(256)).is_ok());
        for odd in ["a\0b", "a\nb", "\u{85}", &"u".repeat(257)] {
            let refusal = read(odd).unwrap_err();
            assert_eq!((refusal.status(), refusal.param()), (400, Some("user")), "{odd:?}");
        }
        let prod = bastion_types::EnvironmentName::parse("prod").unwrap();
        let key = ApiKey::generate(&prod).unwrap();
        let told = read(key.reveal()).unwrap_err().message().into_owned();
        assert!(told.contains("holds a key") && !told.contains(key.reveal()), "{told}");
    }
}
