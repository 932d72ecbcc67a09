//! Headers as the log may show them.
//!
//! It must never show a whole credential.

use std::collections::BTreeMap;

use http::HeaderMap;

/// Headers that carry a credential.
const CREDENTIALS: [&str; 6] =
    ["authorization", "proxy-authorization", "x-api-key", "api-key", "cookie", "set-cookie"];
/// Characters at a credential's end that are shown.
const SHOWN_CHARS: usize = 4;
/// A credential with fewer characters is not shown at all.
const MIN_CREDENTIAL_CHARS: usize = 8;

pub(crate) fn masked(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::<String, String>::new();
    for (name, value) in headers {
        let text = String::from_utf8_lossy(value.as_bytes());
        let text =
            if CREDENTIALS.contains(&name.as_str()) { hidden(&text) } else { text.into_owned() };
        shown
            .entry(name.as_str().to_owned())
            .and_modify(|before| {
                before.push_str(", ");
                before.push_str(&text);
            })
            .or_insert(text);
    }
    shown
}

fn hidden(text: &str) -> String {
    let (scheme, secret) = text.trim().split_once(' ').unwrap_or(("", text.trim()));
    let letters = secret.chars().count();
    let tail = if letters < MIN_CREDENTIAL_CHARS { letters } else { letters - SHOWN_CHARS };
    let shown: String = secret.chars().skip(tail).collect();
    let gap = if scheme.is_empty() { "" } else { " " };
    format!("{scheme}{gap}…{shown}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, shown: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", value.parse().unwrap());
        assert_eq!(masked(&headers).get("authorization").unwrap(), shown);
    }

    #[test]
    fn a_credential_is_its_scheme_and_last_four() {
        check("Bearer qbt_0123456789", "Bearer …6789");
        check("qbt_0123456789", "…6789");
        check("Bearer short", "Bearer …");
        check("Bearer", "…");
    }

    #[test]
    fn other_headers_are_shown_and_joined() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", "1".parse().unwrap());
        headers.append("x-a", "2".parse().unwrap());
        assert_eq!(masked(&headers).get("x-a").unwrap(), "1, 2");
    }
}
