//! A bound on how deep a body nests, found in one pass without recursion.
//!
//! It must never recurse: the body's author chooses the depth.

/// Deepest nesting of arrays and objects that is let through.
pub const MAX_NESTING: u32 = 128;

/// Does this JSON nest deeper than [`MAX_NESTING`]? Broken JSON may answer either way.
pub fn is_nested_too_deep(body: &[u8]) -> bool {
    if has_few_brackets(body) {
        return false;
    }
    let mut depth: u32 = 0;
    let mut rest = body;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'"' => rest = after_string(rest),
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_NESTING {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// Most bodies open fewer brackets at all than may be open at once.
fn has_few_brackets(body: &[u8]) -> bool {
    let limit = usize::try_from(MAX_NESTING).unwrap_or(usize::MAX);
    memchr::memchr2_iter(b'{', b'[', body).nth(limit).is_none()
}

/// What stands behind the string that has just been opened.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let (found, skip) = (rest.get(at), if rest.get(at) == Some(&b'\\') { 2 } else { 1 });
        rest = rest.get(at + skip..).unwrap_or_default();
        if found == Some(&b'"') {
            return rest;
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn depth_is_bounded_and_strings_do_not_count() {
        assert!(!is_nested_too_deep(nested(128).as_bytes()));
        assert!(is_nested_too_deep(nested(129).as_bytes()));
        assert!(is_nested_too_deep(nested(100_000).as_bytes()));
        let text = format!("{{\"a\":\"\\\"{}\"}}", "[".repeat(1000));
        assert!(!is_nested_too_deep(text.as_bytes()));
        assert!(!is_nested_too_deep(b"[[]"));
        assert!(!is_nested_too_deep(b"\"\\"));
    }
}
