//! The refusals stay few enough to be read as one table.
//!
//! It must never judge which refusals there are.

use syn::{Item, ItemEnum};

use super::Rule;
use crate::tidy::house::House;
use crate::tidy::report::Finding;

/// The crate that defines the refusals.
const HOME: &str = "bastion-types";

/// More rows than this are not read any more.
const VARIANTS_MAX: usize = 32;

/// A limit on the variants of `Refusal`.
pub(crate) struct Refusals;

impl Rule for Refusals {
    fn name(&self) -> &'static str {
        "refusals"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        let Some(home) = house.packages.iter().find(|package| package.name() == HOME) else {
            return Vec::new();
        };
        let items = home
            .sources
            .iter()
            .flat_map(|source| source.syntax.items.iter().map(move |item| (&source.path, item)));
        let mut enums = items.filter_map(|(path, item)| Some((path, refusal(item)?)));
        let Some((path, refusal)) = enums.next() else {
            let wrong = "there is no `enum Refusal`";
            let mend = "define it here, or tell xtask's refusals rule where it went";
            return vec![Finding::new(&home.manifest.path, 1, wrong, mend)];
        };
        let count = refusal.variants.len();
        if count <= VARIANTS_MAX {
            return Vec::new();
        }
        let wrong = format!("`Refusal` has {count} variants, more than {VARIANTS_MAX}");
        let mend = "keep rows of the contract here, and causes in the modules that know them";
        vec![Finding::new(path, refusal.ident.span().start().line, wrong, mend)]
    }
}

fn refusal(item: &Item) -> Option<&ItemEnum> {
    let Item::Enum(found) = item else { return None };
    (found.ident == "Refusal").then_some(found)
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    const FILE: &str = "crates/bastion-types/src/refusal.rs";

    fn refusals(count: usize) -> String {
        let variants: Vec<String> = (0..count).map(|number| format!("R{number}")).collect();
        format!("//! head\nenum Refusal {{ {} }}", variants.join(","))
    }

    #[test]
    fn one_refusal_too_many_is_found() {
        assert_eq!(
            found(&Refusals, [(FILE, &refusals(33))]),
            [format!("{FILE}:2: `Refusal` has 33 variants, more than 32")]
        );
    }

    #[test]
    fn a_house_without_refusals_is_found() {
        assert_eq!(found(&Refusals, [(FILE, "enum Other {}")]).len(), 1);
    }

    #[test]
    fn the_limit_itself_is_fine() {
        assert!(found(&Refusals, [(FILE, &refusals(32))]).is_empty());
    }
}
