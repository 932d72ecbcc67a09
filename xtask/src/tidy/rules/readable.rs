//! Every manifest and every Rust file can be parsed, so that no rule passes over one.
//!
//! It must never parse: the house did.

use super::Rule;
use crate::tidy::house::House;
use crate::tidy::report::Finding;

/// No file is left out of the other rules.
pub(crate) struct Readable;

impl Rule for Readable {
    fn name(&self) -> &'static str {
        "readable"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        house.unreadable.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    #[test]
    fn a_file_with_broken_syntax_is_found() {
        let found = found(&Readable, [("crates/a/src/lib.rs", "\nfn {"), ("b/Cargo.toml", "=")]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("b/Cargo.toml:1: "), "{found:?}");
        assert!(found[1].starts_with("crates/a/src/lib.rs:2: "), "{found:?}");
    }

    #[test]
    fn good_syntax_is_fine() {
        assert!(found(&Readable, [("crates/a/src/lib.rs", "fn f() {}")]).is_empty());
    }
}
