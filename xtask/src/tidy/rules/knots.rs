//! No two modules of a crate import each other, directly or in a circle.
//!
//! It must never decide what an import is: that is `tidy/knots.rs`, which the table uses, too.

use super::Rule;
use crate::tidy::house::House;
use crate::tidy::knots::{self, Import, Knot};
use crate::tidy::modules::ModulePath;
use crate::tidy::report::Finding;

/// Imports within a crate run one way.
pub(crate) struct Knots;

impl Rule for Knots {
    fn name(&self) -> &'static str {
        "knots"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        house.packages.iter().flat_map(knots::of).filter_map(|knot| finding(&knot)).collect()
    }
}

/// Stands at the knot's first import and names all of them.
fn finding(knot: &Knot) -> Option<Finding> {
    let first = knot.imports.first()?;
    let imports: Vec<String> = knot.imports.iter().map(shown).collect();
    let wrong = format!("{} modules import each other: {}", knot.modules.len(), imports.join(", "));
    let mend = "move what both need below both, or let the caller hand it in";
    Some(Finding::new(&first.path, first.line, wrong, mend))
}

fn shown(import: &Import) -> String {
    let Import { from, to, path, line } = import;
    format!("{} -> {} ({}:{line})", module(from), module(to), path.display())
}

fn module(path: &ModulePath) -> String {
    if path.is_empty() { "crate root".to_owned() } else { path.join("::") }
}

#[cfg(test)]
mod tests {
    use super::super::found;
    use super::*;

    const A: &str = "crates/c/src/a.rs";
    const B: &str = "crates/c/src/b.rs";
    const ROOT: &str = "crates/c/src/lib.rs";

    #[test]
    fn a_circle_of_two_is_found_with_both_imports() {
        let files = [(A, "use crate::b::B;"), (B, "\nfn f() { crate::a::g() }")];
        assert_eq!(
            found(&Knots, files),
            [format!("{A}:1: 2 modules import each other: a -> b ({A}:1), b -> a ({B}:2)")]
        );
    }

    #[test]
    fn a_circle_of_three_is_one_finding() {
        let c = ("crates/c/src/c.rs", "use crate::a::A;");
        let found = found(&Knots, [(A, "use super::b::B;"), (B, "use super::c::C;"), c]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("3 modules"), "{found:?}");
    }

    #[test]
    fn one_way_is_fine() {
        assert!(found(&Knots, [(A, "use crate::b::B;"), (B, "struct B;")]).is_empty());
    }

    #[test]
    fn a_re_export_at_the_root_counts_as_its_origin() {
        let root = (ROOT, "mod a; mod b; pub use a::A; pub use b::B;");
        let files = [(A, "use crate::B; pub struct A;"), (B, "use crate::A; pub struct B;"), root];
        assert_eq!(found(&Knots, files).len(), 1);
        let files = [(A, "use crate::B; pub struct A;"), (B, "pub struct B;"), root];
        assert!(found(&Knots, files).is_empty());
    }

    #[test]
    fn a_parent_that_calls_its_child_must_not_be_imported_by_it() {
        let child = ("crates/c/src/a/x.rs", "use super::Context;");
        let parent = (A, "mod x; pub struct Context; fn f() { x::run() }");
        let found = found(&Knots, [parent, child]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("a -> a::x"), "{found:?}");
    }

    #[test]
    fn a_parent_that_declares_its_child_may_be_imported_by_it() {
        let child = ("crates/c/src/a/x.rs", "use super::Context; pub struct X;");
        let parent = (A, "mod x; pub use x::X; pub struct Context;");
        assert!(found(&Knots, [parent, child]).is_empty());
    }

    #[test]
    fn a_list_may_name_its_members_in_all() {
        let member = ("crates/c/src/jobs/sweep.rs", "use super::Job; pub struct Sweep;");
        let list = "mod sweep; pub trait Job {} pub static ALL: &[&dyn Job] = &[&sweep::Sweep];";
        assert!(found(&Knots, [("crates/c/src/jobs.rs", list), member]).is_empty());
    }

    #[test]
    fn test_code_ties_no_knot() {
        let b = "#[cfg(test)] mod tests { use crate::a::A; }";
        assert!(found(&Knots, [(A, "use crate::b::B;"), (B, b)]).is_empty());
    }

    #[test]
    fn a_call_inside_a_macro_counts() {
        let files = [(A, "use crate::b::B;"), (B, "fn f() { vec![crate::a::g()]; }")];
        assert_eq!(found(&Knots, files).len(), 1);
    }
}
