//! Every crate takes the workspace's lints.
//!
//! It must never ask for a crate's own lints on top, such as the money crates' ban on floats:
//! clippy holds those where `lib.rs` sets them.

use super::Rule;
use crate::tidy::house::House;
use crate::tidy::report::Finding;

/// `[lints] workspace = true` in every manifest.
pub(crate) struct Lints;

impl Rule for Lints {
    fn name(&self) -> &'static str {
        "lints"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        let manifests = house.packages.iter().map(|package| &package.manifest);
        manifests
            .filter(|manifest| !manifest.has_workspace_lints)
            .map(|manifest| {
                let wrong = "the crate does not take the workspace's lints";
                Finding::new(&manifest.path, 1, wrong, "add `[lints]` with `workspace = true`")
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    #[test]
    fn a_crate_without_the_lints_is_found() {
        for lints in ["", "[lints]\nworkspace = false\n", "[lints.rust]\nunused = \"warn\"\n"] {
            let manifest = format!("[package]\nname = \"a\"\n{lints}");
            assert_eq!(
                found(&Lints, [("crates/a/Cargo.toml", &manifest)]),
                ["crates/a/Cargo.toml:1: the crate does not take the workspace's lints"]
            );
        }
    }

    #[test]
    fn a_crate_with_the_lints_is_fine() {
        let manifest = "[package]\nname = \"a\"\n[lints]\nworkspace = true\n";
        assert!(found(&Lints, [("crates/a/Cargo.toml", manifest)]).is_empty());
    }
}
