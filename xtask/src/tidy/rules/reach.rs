//! Who may reach for what: SQL, the catch-all error, and input and output.
//!
//! It must never list crates of ours: those are for `layers`.

use std::path::Path;

use super::Rule;
use crate::tidy::house::{House, Package};
use crate::tidy::manifest::DependencyKind;
use crate::tidy::mentions::Mention;
use crate::tidy::report::Finding;
use crate::tidy::source::Source;

/// A crate or a module of the standard library that not everyone may name.
struct Bound {
    path: &'static [&'static str],
    who: Who,
    mend: &'static str,
}

enum Who {
    /// These crates alone, in tests, too.
    Only(&'static [&'static str]),
    /// Every crate but these, whose tests may.
    NotShippedBy(&'static [&'static str]),
}

/// The crates that do no input or output.
const WITHOUT_IO: Who = Who::NotShippedBy(&["bastion-types", "bastion-wire"]);

const BOUNDS: &[Bound] = &[
    Bound {
        path: &["anyhow"],
        who: Who::Only(&["bastion", "bastion-bench", "xtask"]),
        mend: "give the module an error type of its own",
    },
    Bound {
        path: &["sqlx"],
        who: Who::Only(&["bastion-store"]),
        mend: "ask bastion-store, which writes all SQL",
    },
    Bound {
        path: &["rusqlite"],
        who: Who::Only(&["bastion-store"]),
        mend: "ask bastion-store, which writes all SQL",
    },
    Bound { path: &["tokio"], who: WITHOUT_IO, mend: "take the clock or the bytes as an argument" },
    Bound { path: &["std", "fs"], who: WITHOUT_IO, mend: "take the bytes as an argument" },
    Bound {
        path: &["std", "net"],
        who: WITHOUT_IO,
        mend: "leave sockets to layers above, take addresses from core::net",
    },
];

/// Dependencies that are bound to some crates.
pub(crate) struct Reach;

impl Rule for Reach {
    fn name(&self) -> &'static str {
        "reach"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        let pairs = house
            .packages
            .iter()
            .flat_map(|package| BOUNDS.iter().map(move |bound| (package, bound)));
        pairs.flat_map(|(package, bound)| bound.findings(package)).collect()
    }
}

impl Bound {
    fn findings(&self, package: &Package) -> Vec<Finding> {
        let mut findings = self.in_manifest(package);
        for source in &package.sources {
            findings.extend(self.in_source(package, source));
        }
        findings
    }

    fn in_manifest(&self, package: &Package) -> Vec<Finding> {
        let dependencies = package.manifest.dependencies.iter();
        let forbidden = dependencies.filter(|dependency| {
            let in_test = dependency.kind == DependencyKind::Tests;
            self.path == [dependency.name.as_str()] && !self.allows(package, in_test)
        });
        forbidden.map(|one| self.finding(package, &package.manifest.path, one.line)).collect()
    }

    fn in_source(&self, package: &Package, source: &Source) -> Vec<Finding> {
        let forbidden = source.mentions.iter().filter(|mention| {
            self.is_named_by(mention)
                && !self.allows(package, source.is_test_code(mention))
                && !is_local(package, source, mention)
        });
        forbidden.map(|mention| self.finding(package, &source.path, mention.line)).collect()
    }

    fn finding(&self, package: &Package, path: &Path, line: usize) -> Finding {
        let wrong = format!("{} may not use {}", package.name(), self.path.join("::"));
        Finding::new(path, line, wrong, self.mend)
    }

    fn is_named_by(&self, mention: &Mention) -> bool {
        let named = self.path.iter().zip(&mention.path).filter(|(one, other)| one == other);
        named.count() == self.path.len()
    }

    fn allows(&self, package: &Package, in_test: bool) -> bool {
        match self.who {
            Who::Only(names) => names.contains(&package.name()),
            Who::NotShippedBy(names) => in_test || !names.contains(&package.name()),
        }
    }
}

/// Does the path begin with a module of this crate, of the same name?
fn is_local(package: &Package, source: &Source, mention: &Mention) -> bool {
    let module = source.module().and_then(|from| package.modules.resolve(from, mention));
    module.is_some()
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    #[test]
    fn sql_outside_the_store_is_found_in_code_and_manifest() {
        let manifest = "[package]\nname = \"bastion-jobs\"\n[dependencies]\nsqlx = \"1\"\n";
        let source = "fn f() { sqlx::query() }";
        assert_eq!(
            found(
                &Reach,
                [
                    ("crates/bastion-jobs/Cargo.toml", manifest),
                    ("crates/bastion-jobs/src/lib.rs", source)
                ]
            ),
            [
                "crates/bastion-jobs/Cargo.toml:4: bastion-jobs may not use sqlx",
                "crates/bastion-jobs/src/lib.rs:1: bastion-jobs may not use sqlx"
            ]
        );
    }

    #[test]
    fn io_in_wire_is_found_however_it_is_named() {
        let file = "crates/bastion-wire/src/lib.rs";
        for (text, used) in [
            ("use std::{fmt, fs::File};", "std::fs"),
            ("fn f(a: std::net::TcpStream) {}", "std::net"),
            ("fn f() { tokio::select! {} }", "tokio"),
            ("use tokio;", "tokio"),
        ] {
            assert_eq!(
                found(&Reach, [(file, text)]),
                [format!("{file}:1: bastion-wire may not use {used}")]
            );
        }
    }

    #[test]
    fn those_who_may_and_tests_of_those_without_io_are_fine() {
        let test = "#[cfg(test)] mod tests { use std::fs; }";
        assert!(
            found(
                &Reach,
                [
                    ("crates/bastion-store/src/lib.rs", "use sqlx::Row; use std::fs;"),
                    ("crates/bastion/src/main.rs", "use anyhow::Context;"),
                    ("crates/bastion-wire/src/lib.rs", test),
                    ("crates/bastion-wire/tests/it.rs", "use std::fs;"),
                ]
            )
            .is_empty()
        );
    }
}
