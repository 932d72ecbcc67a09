//! The list of rules: one file each, each asked for what it finds.
//!
//! A rule must never print, read the disk, or know of another rule.

mod features;
mod heads;
mod knots;
mod layers;
mod lints;
mod lists;
mod names;
mod places;
mod reach;
mod readable;
mod refusals;
mod siblings;
mod sizes;
mod unbounded;

use super::house::House;
use super::report::Finding;

/// One house rule.
pub(crate) trait Rule: Sync {
    /// Its name, as printed and as its file is named.
    fn name(&self) -> &'static str;

    /// Every breach in the house, in any order.
    fn findings(&self, house: &House) -> Vec<Finding>;
}

/// Every rule.
pub(crate) static ALL: &[&dyn Rule] = &[
    &features::Features,
    &heads::Heads,
    &knots::Knots,
    &layers::Layers,
    &lints::Lints,
    &lists::Lists,
    &names::Names,
    &places::Places,
    &reach::Reach,
    &readable::Readable,
    &refusals::Refusals,
    &siblings::Siblings,
    &sizes::Sizes,
    &unbounded::Unbounded,
];

/// What `rule` finds in a house of these files, as printed but for the way to mend it. A crate
/// whose manifest is not among the files gets the smallest one.
#[cfg(test)]
pub(crate) fn found<const N: usize>(rule: &dyn Rule, files: [(&str, &str); N]) -> Vec<String> {
    found_in(rule, &files)
}

/// The same for any number of files.
#[cfg(test)]
pub(crate) fn found_in(rule: &dyn Rule, files: &[(&str, &str)]) -> Vec<String> {
    let smallest = files.iter().filter_map(|(path, _)| {
        let name = path.strip_prefix("crates/")?.split('/').next()?;
        Some((format!("crates/{name}/Cargo.toml"), format!("[package]\nname = \"{name}\"\n")))
    });
    let given = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let house = House::build(smallest.chain(given).collect());
    assert!(rule.name() == "readable" || house.unreadable.is_empty(), "{:?}", house.unreadable);
    let mut findings = rule.findings(&house);
    findings.sort();
    let marker = format!(" {}:", rule.name());
    let lines = findings.into_iter().map(|one| one.under(rule.name()).to_string());
    lines.map(|line| line.rsplit_once("; ").unwrap().0.replacen(&marker, "", 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_has_a_name_of_its_own() {
        let mut names: Vec<&str> = ALL.iter().map(|rule| rule.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
