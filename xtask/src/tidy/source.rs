//! One Rust file of a crate, read and parsed once for all rules.
//!
//! It must never look at another file.

use std::path::{Path, PathBuf};

use syn::Item;

use super::mentions::{self, Mention};
use super::tokens::plain;

/// A parsed file.
pub(crate) struct Source {
    /// Relative to the workspace.
    pub(crate) path: PathBuf,
    /// As read.
    pub(crate) text: String,
    /// As parsed.
    pub(crate) syntax: syn::File,
    /// Where it stands in its crate.
    pub(crate) role: Role,
    /// Every path it names, from top to bottom.
    pub(crate) mentions: Vec<Mention>,
}

/// Where a file stands in its crate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A module under `src/`, by its path from the crate's root; `lib.rs` and `main.rs` are the root.
    Module(Vec<String>),
    /// Under `tests/`.
    Test,
    /// An example, a bench, a build script, a binary beside the first.
    Aside,
}

impl Source {
    /// Parses the file at `path`, which stands at `inside` in its crate.
    ///
    /// # Errors
    /// When the text is no Rust.
    pub(crate) fn parse(path: &Path, inside: &Path, text: &str) -> syn::Result<Source> {
        let syntax = syn::parse_file(text)?;
        Ok(Source {
            path: path.to_path_buf(),
            text: text.to_owned(),
            mentions: mentions::of(&syntax),
            role: role(inside),
            syntax,
        })
    }

    /// Its module path, when it is a module under `src/`.
    pub(crate) fn module(&self) -> Option<&[String]> {
        match &self.role {
            Role::Module(path) => Some(path),
            Role::Test | Role::Aside => None,
        }
    }

    /// Does the reader find this mention only in code that tests compile?
    pub(crate) fn is_test_code(&self, mention: &Mention) -> bool {
        mention.in_test || self.role == Role::Test
    }

    /// The modules with files of their own that it declares for tests alone.
    pub(crate) fn test_modules(&self) -> Vec<Vec<String>> {
        let Some(here) = self.module() else { return Vec::new() };
        let declared = self.syntax.items.iter().filter_map(|item| {
            let Item::Mod(module) = item else { return None };
            let elsewhere = module.content.is_none() && mentions::is_for_tests(&module.attrs);
            elsewhere.then(|| [here, &[plain(&module.ident)]].concat())
        });
        declared.collect()
    }

    /// Everything that it names is named by tests.
    pub(crate) fn mark_for_tests(&mut self) {
        for mention in &mut self.mentions {
            mention.in_test = true;
        }
    }

    /// The line at which its own tests begin, where it has any.
    pub(crate) fn tests_line(&self) -> Option<usize> {
        self.syntax.items.iter().find_map(|item| {
            let Item::Mod(module) = item else { return None };
            let first = module.attrs.first()?;
            let line = first.pound_token.span.start().line;
            mentions::is_for_tests(&module.attrs).then_some(line)
        })
    }
}

fn role(inside: &Path) -> Role {
    let mut parts: Vec<String> =
        inside.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.first().is_some_and(|first| first == "tests") {
        return Role::Test;
    }
    if !inside.starts_with("src") || inside.starts_with("src/bin") {
        return Role::Aside;
    }
    parts.remove(0);
    let is_root = matches!(parts.as_slice(), [only] if only == "lib" || only == "main");
    if is_root || parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    Role::Module(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_knows_its_place() {
        let module = |parts: &[&str]| Role::Module(parts.iter().map(|&p| p.to_owned()).collect());
        for (inside, expect) in [
            ("src/lib.rs", module(&[])),
            ("src/main.rs", module(&[])),
            ("src/a.rs", module(&["a"])),
            ("src/a/lib.rs", module(&["a", "lib"])),
            ("src/a/mod.rs", module(&["a"])),
            ("tests/it/main.rs", Role::Test),
            ("examples/a.rs", Role::Aside),
            ("src/bin/b.rs", Role::Aside),
            ("build.rs", Role::Aside),
        ] {
            assert_eq!(role(Path::new(inside)), expect, "{inside}");
        }
    }

    #[test]
    fn the_tests_begin_at_their_attribute() {
        let text = "//! h\nfn f() {}\n\n#[cfg(test)]\nmod tests {}\n";
        let source = Source::parse(Path::new("a.rs"), Path::new("src/a.rs"), text).unwrap();
        assert_eq!(source.tests_line(), Some(4));
    }
}
