//! Every file of a list's folder is named in its `ALL`, and every element of `ALL` exists.
//!
//! It must never know a member: which folders are lists is in `tidy/lists.rs`.

use std::path::PathBuf;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, Item};

use super::Rule;
use crate::tidy::house::{House, Package};
use crate::tidy::lists::{self, Sections};
use crate::tidy::modules::ModulePath;
use crate::tidy::report::Finding;
use crate::tidy::source::Source;

/// Lists are whole.
pub(crate) struct Lists;

impl Rule for Lists {
    fn name(&self) -> &'static str {
        "lists"
    }

    fn findings(&self, house: &House) -> Vec<Finding> {
        house.packages.iter().flat_map(of_package).collect()
    }
}

fn of_package(package: &Package) -> Vec<Finding> {
    let folders = package.modules.folders();
    folders.into_iter().flat_map(|folder| of_folder(package, folder)).collect()
}

fn of_folder(package: &Package, folder: ModulePath) -> Vec<Finding> {
    let must = !is_section(&folder)
        && folder.last().and_then(|name| lists::named(name)).is_some_and(|list| list.has_all);
    match elements(package, &folder) {
        Some((parent, elements)) => {
            Folder { package, path: folder, parent, elements }.findings(must)
        }
        None if must => vec![without_all(package, &folder)],
        None => Vec::new(),
    }
}

/// Is it a section of a list, whatever its own name?
fn is_section(folder: &[String]) -> bool {
    let above = folder.len().checked_sub(2).and_then(|at| folder.get(at));
    above.and_then(|name| lists::named(name)).is_some_and(|list| list.sections.is_some())
}

fn without_all(package: &Package, folder: &[String]) -> Finding {
    let file: PathBuf = package.manifest.path.with_file_name("src").join(folder.join("/"));
    let wrong = format!("the list `{}` has no `ALL`", folder.join("::"));
    Finding::new(&file.with_extension("rs"), 1, wrong, "name its members in a slice `ALL`")
}

/// A folder whose file holds an `ALL`.
struct Folder<'p> {
    package: &'p Package,
    path: ModulePath,
    parent: &'p Source,
    elements: Vec<Element>,
}

/// One element of an `ALL`.
struct Element {
    line: usize,
    /// The paths in it, without a leading `self`.
    paths: Vec<Vec<String>>,
}

impl Folder<'_> {
    /// `must`: is the folder a list by its name? Else it is one when an element names a member.
    fn findings(&self, must: bool) -> Vec<Finding> {
        let members = self.members();
        let is_list = self.elements.iter().any(|element| element.names_one_of(&members));
        if !must && !is_list {
            return Vec::new();
        }
        let left_out = members.iter().filter_map(|member| self.left_out(member));
        let strange = self.elements.iter().filter_map(|element| self.strange(element, &members));
        left_out.chain(strange).chain(self.miscounted(&members)).collect()
    }

    /// The members' paths below the folder: its files, or the files of a section without an `ALL`.
    fn members(&self) -> Vec<ModulePath> {
        let name = self.path.last().and_then(|name| lists::named(name));
        let in_sections = name.is_some_and(|list| list.sections.is_some());
        let mut members = Vec::new();
        for child in self.package.modules.children(&self.path) {
            let section: ModulePath =
                self.path.iter().map(String::as_str).chain([child]).map(str::to_owned).collect();
            let files = self.package.modules.children(&section);
            if !in_sections || files.is_empty() || elements(self.package, &section).is_some() {
                members.push(vec![child.to_owned()]);
                continue;
            }
            members.extend(files.iter().map(|file| vec![child.to_owned(), (*file).to_owned()]));
        }
        members
    }

    /// A list in sections has as many folders and files as it is said to have.
    fn miscounted(&self, members: &[ModulePath]) -> Option<Finding> {
        let name = self.path.last().and_then(|name| lists::named(name))?;
        let Sections { folders, files } = name.sections?;
        let mut found: Vec<&String> = members.iter().filter_map(|member| member.first()).collect();
        found.dedup();
        if (found.len(), members.len()) == (folders, files) {
            return None;
        }
        let wrong = format!(
            "{} folders with {} files, where the checklist has {folders} with {files}",
            found.len(),
            members.len()
        );
        let mend = "give each box of the checklist its file";
        Some(Finding::new(&self.parent.path, 1, wrong, mend))
    }

    fn left_out(&self, member: &ModulePath) -> Option<Finding> {
        if self.elements.iter().any(|element| element.names(member)) {
            return None;
        }
        let path = [self.path.as_slice(), member].concat();
        let own = self.package.sources.iter().find(|source| source.module() == Some(&path));
        let wrong = format!("`{}` is not in the list's `ALL`", member.join("::"));
        let mend = format!("add its element to {}", self.parent.path.display());
        Some(Finding::new(&own.unwrap_or(self.parent).path, 1, wrong, mend))
    }

    fn strange(&self, element: &Element, members: &[ModulePath]) -> Option<Finding> {
        let exists = members.iter().any(|member| {
            let module = [self.path.as_slice(), member].concat();
            let items = element.items_of(member);
            items.into_iter().any(|item| self.package.modules.defines(&module, item))
        });
        let wrong = "an element of `ALL` names no item of a file in the folder";
        let mend = "write it as `module::Item`, or remove it";
        (!exists).then(|| Finding::new(&self.parent.path, element.line, wrong, mend))
    }
}

impl Element {
    fn of(expression: &Expr) -> Element {
        let mut reader = Paths::default();
        reader.visit_expr(expression);
        Element { line: expression.span().start().line, paths: reader.found }
    }

    fn names(&self, member: &ModulePath) -> bool {
        !self.items_of(member).is_empty()
    }

    fn names_one_of(&self, members: &[ModulePath]) -> bool {
        members.iter().any(|member| self.names(member))
    }

    /// The first names after the member's path.
    fn items_of(&self, member: &ModulePath) -> Vec<&str> {
        let below = self.paths.iter().filter(|path| path.starts_with(member));
        below.filter_map(|path| path.get(member.len())).map(String::as_str).collect()
    }
}

#[derive(Default)]
struct Paths {
    found: Vec<Vec<String>>,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, node: &'ast syn::Path) {
        let names = node.segments.iter().map(|segment| segment.ident.to_string());
        self.found.push(names.skip_while(|name| name == "self").collect());
        visit::visit_path(self, node);
    }
}

/// The file beside the folder and the elements of its `ALL`, when it has one.
fn elements<'p>(package: &'p Package, folder: &[String]) -> Option<(&'p Source, Vec<Element>)> {
    let mut files = package.sources.iter().filter(|source| source.module() == Some(folder));
    files.find_map(|source| {
        let value = source.syntax.items.iter().find_map(all)?;
        Some((source, slice(value).into_iter().map(Element::of).collect()))
    })
}

fn all(item: &Item) -> Option<&Expr> {
    let (name, value) = if let Item::Const(one) = item {
        (&one.ident, &one.expr)
    } else if let Item::Static(one) = item {
        (&one.ident, &one.expr)
    } else {
        return None;
    };
    (name == "ALL").then_some(value)
}

/// The elements of `[…]` or `&[…]`; anything else is one element.
fn slice(value: &Expr) -> Vec<&Expr> {
    if let Expr::Reference(reference) = value {
        slice(&reference.expr)
    } else if let Expr::Array(array) = value {
        array.elems.iter().collect()
    } else {
        vec![value]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{found, found_in};
    use super::*;

    const LIST: &str = "crates/a/src/jobs.rs";
    const SWEEP: (&str, &str) = ("crates/a/src/jobs/sweep.rs", "pub struct Sweep;");
    const WHOLE: &str = "pub static ALL: &[&dyn Job] = &[&sweep::Sweep];";

    #[test]
    fn a_file_that_is_left_out_is_found() {
        let other = "crates/a/src/jobs/other.rs";
        assert_eq!(
            found(&Lists, [(LIST, WHOLE), SWEEP, (other, "pub struct Other;")]),
            [format!("{other}:1: `other` is not in the list's `ALL`")]
        );
    }

    #[test]
    fn an_element_that_does_not_exist_is_found() {
        let list = "pub const ALL: [&dyn Job; 2] = [\n&sweep::Sweep,\n&sweep::Gone];";
        assert_eq!(
            found(&Lists, [(LIST, list), SWEEP]),
            [format!("{LIST}:3: an element of `ALL` names no item of a file in the folder")]
        );
    }

    #[test]
    fn a_list_by_name_must_have_an_all() {
        let expect = [format!("{LIST}:1: the list `jobs` has no `ALL`")];
        assert_eq!(found(&Lists, [(LIST, "mod sweep;"), SWEEP]), expect);
        assert_eq!(found(&Lists, [SWEEP]), expect);
    }

    #[test]
    fn a_whole_list_is_fine() {
        assert!(found(&Lists, [(LIST, WHOLE), SWEEP]).is_empty());
        let row = "const ALL: &[Row] = &[Row { name: \"sweep\", run: self::sweep::Sweep }];";
        assert!(found(&Lists, [(LIST, row), SWEEP]).is_empty());
    }

    #[test]
    fn any_folder_whose_all_names_a_member_is_a_list() {
        let parent = "crates/a/src/shapes.rs";
        let round = ("crates/a/src/shapes/round.rs", "pub struct Round;");
        let flat = ("crates/a/src/shapes/flat.rs", "");
        let all = (parent, "static ALL: &[&dyn Shape] = &[&round::Round];");
        assert_eq!(found(&Lists, [all, round, flat]).len(), 1);
        let other = (parent, "const ALL: [Kind; 2] = [Kind::A, Kind::B];");
        assert!(found(&Lists, [other, round, flat]).is_empty());
    }

    /// Seven sections of the names that people gave, each with so many files.
    fn boxes(sections: &[(&str, usize)]) -> Vec<(String, String)> {
        let mut sources = Vec::new();
        let mut all = String::new();
        for (section, files) in sections {
            sources.push((format!("crates/a/src/checks/{section}.rs"), String::new()));
            for at in 0..*files {
                let file = format!("crates/a/src/checks/{section}/b{at}.rs");
                sources.push((file, "pub struct Box;".to_owned()));
                all = all + "&" + section + "::b" + &at.to_string() + "::Box,";
            }
        }
        let list = format!("pub const ALL: &[&dyn Check] = &[{all}];");
        sources.push(("crates/a/src/checks.rs".to_owned(), list));
        sources
    }

    fn told(sources: &[(String, String)]) -> Vec<String> {
        let sources: Vec<(&str, &str)> =
            sources.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        found_in(&Lists, &sources)
    }

    #[test]
    fn the_checklist_has_seven_folders_and_26_files() {
        let mut sections =
            [("a", 4), ("b", 5), ("c", 3), ("d", 4), ("e", 3), ("f", 4), ("drills", 3)];
        assert!(told(&boxes(&sections)).is_empty(), "a section may have a list's name");
        sections[0].1 = 3;
        assert_eq!(
            told(&boxes(&sections)),
            [
                "crates/a/src/checks.rs:1: 7 folders with 25 files, where the checklist has 7 with 26"
            ]
        );
        let mut sources = boxes(&[("a", 4), ("b", 5), ("c", 3), ("d", 4), ("e", 3), ("f", 7)]);
        assert_eq!(told(&sources).len(), 1);
        sources.push(("crates/a/src/checks/f/more.rs".to_owned(), "pub struct More;".to_owned()));
        let left_out = told(&sources);
        assert!(left_out[0].contains("`f::more` is not in the list's `ALL`"), "{left_out:?}");
    }
}
