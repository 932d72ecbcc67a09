//! A module is named for what it does: no drawers for what is left over, no `mod.rs`.
//!
//! It must never judge names of types and functions.

use std::path::Path;

use syn::visit::{self, Visit};

use super::Rule;
use crate::tidy::house::House;
use crate::tidy::report::Finding;
use crate::tidy::source::Source;

const BANNED: &[&str] =
    &["util", "utils", "common", "helpers", "misc", "manager", "service", "services"];

/// No banned module names.
pub(crate) struct Names;

impl Rule for Names {
    fn name(&self) -> &'static str {
        "names"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        house.sources().flat_map(of_source).collect()
    }
}

fn of_source(source: &Source) -> Vec<Finding> {
    let mut reader = Reader { path: &source.path, found: Vec::new() };
    for part in &source.path.with_extension("") {
        reader.check(&part.to_string_lossy(), 1);
    }
    if source.path.ends_with("mod.rs") {
        let mend = "name the file after its folder, and put it beside the folder";
        reader.found.push(Finding::new(&source.path, 1, "the file is called `mod.rs`", mend));
    }
    reader.visit_file(&source.syntax);
    reader.found
}

/// Finds modules that are written inside a file.
struct Reader<'s> {
    path: &'s Path,
    found: Vec<Finding>,
}

impl Reader<'_> {
    fn check(&mut self, name: &str, line: usize) {
        if BANNED.contains(&name) {
            let wrong = format!("`{name}` is no name for a module");
            let mend = "name it for the one noun or act it holds";
            self.found.push(Finding::new(self.path, line, wrong, mend));
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
        if node.content.is_some() {
            self.check(&node.ident.to_string(), node.ident.span().start().line);
        }
        visit::visit_item_mod(self, node);
    }
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    #[test]
    fn a_drawer_is_found_as_file_folder_and_inner_module() {
        for (path, text, line) in [
            ("crates/a/src/util.rs", "", 1),
            ("crates/a/src/helpers/x.rs", "", 1),
            ("crates/a/tests/common.rs", "", 1),
            ("crates/a/src/services.rs", "", 1),
            ("crates/a/src/x.rs", "\nmod misc {}", 2),
        ] {
            let found = found(&Names, [(path, text)]);
            assert_eq!(found.len(), 1, "{path}");
            assert!(found[0].starts_with(&format!("{path}:{line}: `")), "{found:?}");
        }
    }

    #[test]
    fn a_mod_rs_is_found() {
        assert_eq!(
            found(&Names, [("crates/a/src/x/mod.rs", "")]),
            ["crates/a/src/x/mod.rs:1: the file is called `mod.rs`"]
        );
    }

    #[test]
    fn a_name_of_the_field_is_fine() {
        let text = "mod hold; fn util() {} mod tests {}";
        assert!(found(&Names, [("crates/a/src/utilization.rs", text)]).is_empty());
    }
}
