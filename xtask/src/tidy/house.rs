//! The house as the rules see it: the tree, and the crates in it with manifests and sources parsed.
//!
//! It must never drop a file in silence: what cannot be parsed is a finding.

use std::path::{Path, PathBuf};

use super::manifest::Manifest;
use super::modules::Modules;
use super::report::Finding;
use super::source::Source;
use super::tree::Tree;

/// The whole workspace.
pub(crate) struct House {
    /// Every text file.
    pub(crate) tree: Tree,
    /// By their folders' paths.
    pub(crate) packages: Vec<Package>,
    /// The manifests and sources that no parser could read.
    pub(crate) unreadable: Vec<Finding>,
}

/// One crate.
pub(crate) struct Package {
    /// Its `Cargo.toml`.
    pub(crate) manifest: Manifest,
    /// Its Rust files, tests and examples among them, by path.
    pub(crate) sources: Vec<Source>,
    /// The modules under its `src/`.
    pub(crate) modules: Modules,
}

impl House {
    /// Parses the tree.
    pub(crate) fn build(tree: Tree) -> House {
        let mut unreadable = Vec::new();
        let manifests = manifests(&tree, &mut unreadable);
        let packages = manifests
            .into_iter()
            .map(|manifest| Package::build(manifest, &tree, &mut unreadable))
            .collect();
        House { tree, packages, unreadable }
    }

    /// Every Rust file of every crate.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.packages.iter().flat_map(|package| &package.sources)
    }
}

impl Package {
    /// The crate's name.
    pub(crate) fn name(&self) -> &str {
        &self.manifest.name
    }

    fn build(manifest: Manifest, tree: &Tree, unreadable: &mut Vec<Finding>) -> Package {
        let folder: PathBuf = manifest.path.parent().map(Path::to_path_buf).unwrap_or_default();
        let mut sources = Vec::new();
        for (path, text) in tree.files() {
            let Ok(inside) = path.strip_prefix(&folder) else { continue };
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            match Source::parse(path, inside, text) {
                Ok(source) => sources.push(source),
                Err(error) => {
                    let line = error.span().start().line;
                    unreadable.push(Finding::new(path, line, error.to_string(), "mend the syntax"));
                }
            }
        }
        mark_test_files(&mut sources);
        Package { modules: Modules::of(&sources), manifest, sources }
    }
}

/// A file that is declared `#[cfg(test)] mod x;` is test code from its first line on.
fn mark_test_files(sources: &mut [Source]) {
    let for_tests: Vec<Vec<String>> = sources.iter().flat_map(Source::test_modules).collect();
    let is_for_tests = |path: &[String]| for_tests.iter().any(|test| path.starts_with(test));
    for source in sources {
        if source.module().is_some_and(is_for_tests) {
            source.mark_for_tests();
        }
    }
}

fn manifests(tree: &Tree, unreadable: &mut Vec<Finding>) -> Vec<Manifest> {
    let mut found = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with("Cargo.toml")) {
        match Manifest::parse(path, text) {
            Ok(manifest) => found.extend(manifest),
            Err(error) => {
                unreadable.push(Finding::new(path, 1, error.message(), "mend the syntax"));
            }
        }
    }
    found
}
