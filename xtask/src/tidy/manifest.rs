//! What the rules need of a crate's `Cargo.toml`.
//!
//! It must never judge: layers, lints and reach have rules of their own.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One crate's manifest.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// Relative to the workspace.
    pub(crate) path: PathBuf,
    /// The crate's name, as in `[package]`.
    pub(crate) name: String,
    /// Of all kinds and targets.
    pub(crate) dependencies: Vec<Dependency>,
    /// Does it say `[lints] workspace = true`?
    pub(crate) has_workspace_lints: bool,
    /// The line of `[features]`, where there is one.
    pub(crate) features_line: Option<usize>,
}

/// One line of a dependency table.
#[derive(Debug)]
pub(crate) struct Dependency {
    /// The crate's own name, even where the manifest renames it.
    pub(crate) name: String,
    /// 1-based.
    pub(crate) line: usize,
    /// Which table it stands in.
    pub(crate) kind: DependencyKind,
}

/// Who gets a dependency: what is shipped, or the tests alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DependencyKind {
    /// `[dependencies]` and `[build-dependencies]`.
    Shipped,
    /// `[dev-dependencies]`.
    Tests,
}

const DEPENDENCY_TABLES: &[(&str, DependencyKind)] = &[
    ("dependencies", DependencyKind::Shipped),
    ("build-dependencies", DependencyKind::Shipped),
    ("dev-dependencies", DependencyKind::Tests),
];

impl Manifest {
    /// Reads a manifest; `None` when it has no `[package]` (the workspace's own).
    ///
    /// # Errors
    /// When the text is no TOML.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Option<Manifest>, toml::de::Error> {
        let document = DeTable::parse(text)?;
        let root = document.get_ref();
        let Some(name) = text_at(table_at(root, "package"), "name") else {
            return Ok(None);
        };
        Ok(Some(Manifest {
            path: path.to_path_buf(),
            name: name.to_owned(),
            dependencies: all_dependencies(root, text),
            has_workspace_lints: table_at(root, "lints").is_some_and(is_from_workspace),
            features_line: root
                .get_key_value("features")
                .map(|(key, _)| line_at(text, key.span().start)),
        }))
    }
}

/// The dependencies of the crate itself and of each `[target.…]`.
fn all_dependencies(root: &DeTable<'_>, text: &str) -> Vec<Dependency> {
    let targets = table_at(root, "target").into_iter().flat_map(DeTable::values);
    let targets = targets.filter_map(|target| target.get_ref().as_table());
    std::iter::once(root).chain(targets).flat_map(|table| dependencies(table, text)).collect()
}

fn dependencies(table: &DeTable<'_>, text: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    for (name, kind) in DEPENDENCY_TABLES {
        for (key, value) in table_at(table, name).into_iter().flatten() {
            let renamed = text_at(value.get_ref().as_table(), "package");
            let name = renamed.unwrap_or(key.get_ref()).to_owned();
            found.push(Dependency { name, line: line_at(text, key.span().start), kind: *kind });
        }
    }
    found
}

fn table_at<'a, 'i>(table: &'a DeTable<'i>, key: &str) -> Option<&'a DeTable<'i>> {
    table.get(key).and_then(|value| value.get_ref().as_table())
}

fn text_at<'a>(table: Option<&'a DeTable<'_>>, key: &str) -> Option<&'a str> {
    table?.get(key).and_then(|value| value.get_ref().as_str())
}

fn is_from_workspace(table: &DeTable<'_>) -> bool {
    table.get("workspace").map(Spanned::get_ref).and_then(DeValue::as_bool) == Some(true)
}

/// The 1-based line of the byte at `offset`.
fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
[package]
name = \"bastion-wire\"
[lints]
workspace = true
[features]
[dependencies]
bastion-types.workspace = true
[target.'cfg(unix)'.dev-dependencies]
other = { package = \"tokio\", version = \"1\" }
";

    #[test]
    fn a_manifest_gives_its_dependencies_with_lines_and_kinds() {
        let manifest = Manifest::parse(Path::new("Cargo.toml"), TEXT).unwrap().unwrap();
        let found: Vec<_> =
            manifest.dependencies.iter().map(|one| (&*one.name, one.line, one.kind)).collect();
        assert_eq!(
            found,
            [("bastion-types", 7, DependencyKind::Shipped), ("tokio", 9, DependencyKind::Tests)]
        );
        assert!(manifest.has_workspace_lints);
        assert_eq!(manifest.features_line, Some(5));
    }

    #[test]
    fn a_manifest_without_a_package_is_none() {
        assert!(Manifest::parse(Path::new("Cargo.toml"), "[workspace]").unwrap().is_none());
    }
}
