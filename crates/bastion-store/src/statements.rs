//! Every statement of the store, prepared against every database.
//!
//! It must never let a statement by: the sources are searched for what is not in a list.

use std::path::Path;

use crate::fresh;

/// The lists, one for each file that holds statements.
const LISTS: &[&[&str]] = &[
    crate::calls::STATEMENTS,
    crate::evidence::STATEMENTS,
    crate::evidence::OBSERVED_STATEMENTS,
    crate::evidence::REGION_STATEMENTS,
    crate::keys::CHANGE_STATEMENTS,
    crate::keys::STATEMENTS,
    crate::ledger::STATEMENTS_OF_DAYS,
    crate::ledger::STATEMENTS_OF_HAND,
    crate::ledger::STATEMENTS_OF_LIMITED,
    crate::ledger::STATEMENTS_OF_ROWS,
    crate::ledger::STATEMENTS_OF_SPEND,
    crate::ledger::STATEMENTS_OF_VERIFY,
    crate::migrate::STATEMENTS,
    crate::nodes::STATEMENTS,
    crate::store::STATEMENTS,
];

#[tokio::test]
async fn every_statement_is_prepared_by_both_databases() {
    for db in fresh::databases().await {
        let beyond = crate::ledger::beyond_statement(db.dialect());
        let own = crate::ledger::statements_of_spend(db.dialect()).chain([beyond]);
        for (number, text) in LISTS.iter().copied().flatten().copied().chain(own).enumerate() {
            let prepared = db.prepares(number, text).await;
            assert!(prepared.is_ok(), "{:?}: {text}: {prepared:?}", db.dialect());
        }
    }
}

/// Names that are given to `statement(…)` in a file.
fn used(source: &str) -> Vec<&str> {
    let calls = source.split("statement(").skip(1);
    let names = calls.filter_map(|rest| rest.split([')', '.', ',']).next());
    names.filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')).collect()
}

/// Names in a file's list.
fn list(source: &str) -> impl Iterator<Item = &str> {
    let list = source.split("STATEMENTS: &[&str] =").nth(1).unwrap_or_default();
    list.split("];").next().unwrap_or_default().split([',', '\n', ' ', '['])
}

fn look(folder: &Path, missing: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look(&path, missing);
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        // Texts that several files use stand, with their list, in one beside them.
        let texts = std::fs::read_to_string(folder.join("texts.rs")).unwrap_or_default();
        let listed: Vec<_> = list(&source).chain(list(&texts)).collect();
        let absent = |name: &&str| !name.is_empty() && !listed.contains(name);
        let told = |name| format!("{}: {name}", path.display());
        missing.extend(used(&source).into_iter().filter(absent).map(told));
    }
}

#[test]
fn every_statement_is_in_a_list() {
    let mut missing = Vec::new();
    look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut missing);
    // What only one of the two understands is used by that one's own tests.
    missing.retain(|name| !name.contains("postgres.rs") && !name.contains("tests.rs"));
    missing.retain(|name| !name.contains("sqlite.rs"));
    assert!(missing.is_empty(), "add them to STATEMENTS of their file: {missing:#?}");
}
