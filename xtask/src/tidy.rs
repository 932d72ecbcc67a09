//! START HERE: reads the house, asks every rule, and reports.
//!
//! It must never know what a rule says: rules are in `tidy/rules/`, one a file, and their data
//! (the layers, the lists) in files of their own.

mod census;
mod house;
mod knots;
mod layers;
mod lists;
mod manifest;
mod measure;
mod mentions;
mod modules;
mod report;
mod rules;
mod source;
mod tokens;
mod tree;

use std::io;
use std::path::Path;

use house::House;
use report::{Report, Violation};
use tree::Tree;

/// Holds the house under `root` against all rules.
///
/// # Errors
/// When a folder or a file cannot be read. What is read and cannot be parsed is a violation.
pub(crate) fn run(root: &Path) -> io::Result<Report> {
    let house = House::build(Tree::read(root)?);
    Ok(Report { violations: violations(&house), table: census::table(&house) })
}

/// What every rule finds, by place, each thing once.
fn violations(house: &House) -> Vec<Violation> {
    let mut violations: Vec<Violation> = rules::ALL
        .iter()
        .flat_map(|rule| rule.findings(house).into_iter().map(|found| found.under(rule.name())))
        .collect();
    violations.sort();
    violations.dedup();
    violations
}
