//! Crates use crates of lower layers only, in their manifests and in their code.
//!
//! It must never hold the table: that is `tidy/layers.rs`.

use super::Rule;
use crate::tidy::house::{House, Package};
use crate::tidy::layers::{self, Row};
use crate::tidy::mentions::Mention;
use crate::tidy::report::Finding;
use crate::tidy::source::Source;

/// Imports between crates run one way, down the layer table.
pub(crate) struct Layers;

impl Rule for Layers {
    fn name(&self) -> &'static str {
        "layers"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        house.packages.iter().flat_map(of_package).collect()
    }
}

fn of_package(package: &Package) -> Vec<Finding> {
    let manifest = &package.manifest;
    let Some(user) = layers::row(&manifest.name) else {
        let wrong = format!("the crate `{}` is not in the layer table", manifest.name);
        let mend = "add its row to ARCHITECTURE.md and to xtask's tidy/layers.rs";
        return vec![Finding::new(&manifest.path, 1, wrong, mend)];
    };
    let mut findings = Vec::new();
    for dependency in manifest.dependencies.iter().filter(|one| is_ours(&one.name)) {
        if let Some((wrong, mend)) = breach(user, &dependency.name) {
            findings.push(Finding::new(&manifest.path, dependency.line, wrong, mend));
        }
    }
    for source in &package.sources {
        for mention in &source.mentions {
            if let Some((wrong, mend)) = named(package, source, mention)
                .filter(|used| used != user.name)
                .and_then(|used| breach(user, &used))
            {
                findings.push(Finding::new(&source.path, mention.line, wrong, mend));
            }
        }
    }
    findings
}

/// What is wrong and how to mend it, when `user` may not use `used`.
fn breach(user: &Row, name: &str) -> Option<(String, String)> {
    let Some(row) = layers::row(name) else {
        let wrong = format!("{} uses `{name}`, which is not in the layer table", user.name);
        return Some((wrong, "use a crate of the table, or add the row".to_owned()));
    };
    if user.may_use(row) {
        return None;
    }
    let wrong =
        format!("{} (layer {}) may not use {name} (layer {})", user.name, user.layer, row.layer);
    Some((wrong, "move what is shared down, or let `bastion` hand it in".to_owned()))
}

/// The crate of ours that a path begins with, unless a module of the same name stands there.
fn named(package: &Package, source: &Source, mention: &Mention) -> Option<String> {
    let name = mention.path.first()?.replace('_', "-");
    let local = source.module().and_then(|from| package.modules.resolve(from, mention));
    (is_ours(&name) && local.is_none()).then_some(name)
}

fn is_ours(name: &str) -> bool {
    name.starts_with("bastion-") || layers::row(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    const MANIFEST: &str = "crates/bastion-wire/Cargo.toml";

    fn manifest(dependencies: &str) -> String {
        format!("[package]\nname = \"bastion-wire\"\n{dependencies}")
    }

    #[test]
    fn a_dependency_on_the_same_layer_is_found() {
        let text = manifest("[dependencies]\nbastion-config.workspace = true\n");
        assert_eq!(
            found(&Layers, [(MANIFEST, &text)]),
            [format!("{MANIFEST}:4: bastion-wire (layer 1) may not use bastion-config (layer 1)")]
        );
    }

    #[test]
    fn tests_keep_to_the_layers_too() {
        let text = manifest("[dev-dependencies]\nbastion-sim.workspace = true\n");
        assert_eq!(found(&Layers, [(MANIFEST, &text)]).len(), 1);
    }

    #[test]
    fn a_path_in_code_is_found() {
        let file = "crates/bastion-gateway/src/lib.rs";
        assert_eq!(
            found(&Layers, [(file, "fn f() {\n    bastion_console::open()\n}")]),
            [format!("{file}:2: bastion-gateway (layer 3) may not use bastion-console (layer 4)")]
        );
    }

    #[test]
    fn nothing_imports_bastion() {
        let file = "crates/bastion-console/src/lib.rs";
        assert_eq!(found(&Layers, [(file, "use bastion::cli;")]).len(), 1);
    }

    #[test]
    fn a_crate_that_is_not_in_the_table_is_found() {
        assert_eq!(
            found(&Layers, [("crates/bastion-extra/src/lib.rs", "")]),
            ["crates/bastion-extra/Cargo.toml:1: \
              the crate `bastion-extra` is not in the layer table"]
        );
        let file = "crates/bastion-jobs/src/lib.rs";
        assert_eq!(
            found(&Layers, [(file, "use bastion_extra::X;")]),
            [format!(
                "{file}:1: bastion-jobs uses `bastion-extra`, which is not in the layer table"
            )]
        );
    }

    #[test]
    fn a_lower_layer_and_ones_own_crate_are_fine() {
        let text = manifest("[dependencies]\nbastion-types.workspace = true\nserde = \"1\"\n");
        let sources = "use bastion_types::Money; use serde::Serialize; use bastion_wire::sse;";
        let file = ("crates/bastion-wire/tests/it.rs", sources);
        assert!(found(&Layers, [(MANIFEST, &text), file]).is_empty());
    }
}
