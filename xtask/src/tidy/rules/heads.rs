//! Every Rust file opens with `//!`: what it is for, what it must never do.
//!
//! It must never judge the words: that is for the reader.

use super::Rule;
use crate::tidy::house::House;
use crate::tidy::report::Finding;

/// A head comment on line 1 of every file.
pub(crate) struct Heads;

impl Rule for Heads {
    fn name(&self) -> &'static str {
        "heads"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        let headless = house.sources().filter(|source| !source.text.starts_with("//! "));
        headless
            .map(|source| {
                let mend = "say on line 1 what it is for, then what it must never do";
                Finding::new(&source.path, 1, "the file does not open with `//!`", mend)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    #[test]
    fn a_file_without_a_head_is_found() {
        assert_eq!(
            found(&Heads, [("crates/a/tests/it.rs", "\n//! late\n")]),
            ["crates/a/tests/it.rs:1: the file does not open with `//!`"]
        );
    }

    #[test]
    fn a_file_with_a_head_is_fine() {
        assert!(found(&Heads, [("crates/a/src/lib.rs", "//! What it is for.\n")]).is_empty());
    }
}
