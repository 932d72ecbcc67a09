//! Our crates have no Cargo features: what a build can do is decided by its configuration.
//!
//! It must never look at the features of other people's crates.

use super::Rule;
use crate::tidy::house::House;
use crate::tidy::report::Finding;

/// No `[features]` in a manifest of ours.
pub(crate) struct Features;

impl Rule for Features {
    fn name(&self) -> &'static str {
        "features"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        let manifests = house.packages.iter().map(|package| &package.manifest);
        manifests
            .filter_map(|manifest| {
                let wrong = "a crate of ours has [features]";
                let mend = "decide it in the configuration, or put test helpers into bastion-sim";
                Some(Finding::new(&manifest.path, manifest.features_line?, wrong, mend))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    #[test]
    fn a_feature_of_ours_is_found() {
        let manifest = "[package]\nname = \"a\"\n[features]\n";
        assert_eq!(
            found(&Features, [("crates/a/Cargo.toml", manifest)]),
            ["crates/a/Cargo.toml:3: a crate of ours has [features]"]
        );
    }

    #[test]
    fn features_of_a_dependency_are_fine() {
        let manifest = "[package]\nname = \"a\"\n[dependencies]\nb = { features = [\"c\"] }\n";
        assert!(found(&Features, [("crates/a/Cargo.toml", manifest)]).is_empty());
    }
}
