//! The modules of one crate, and what a path written in one of them leads to.
//!
//! It must never judge an import. It follows re-exports and globs as far as the crate's own
//! files tell, and knows nothing of other crates, `#[path]` and what macros make.

use std::collections::{BTreeMap, BTreeSet};

use syn::Item;

use super::mentions::{Manner, Mention};
use super::source::Source;

/// A chain of re-exports longer than this is given up: it is a circle.
const RE_EXPORTS_MAX: usize = 8;

/// A module's path from its crate's root; the root is empty.
pub(crate) type ModulePath = Vec<String>;

/// All modules of a crate that have a file.
#[derive(Debug, Default)]
pub(crate) struct Modules {
    known: BTreeMap<ModulePath, Module>,
}

/// What one module's file defines and hands on.
#[derive(Debug, Default)]
struct Module {
    items: BTreeSet<String>,
    aliases: BTreeMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
}

impl Modules {
    /// The modules of these files.
    pub(crate) fn of(sources: &[Source]) -> Modules {
        let mut modules = Modules::default();
        for source in sources {
            if let Some(path) = source.module() {
                modules.known.entry(path.to_vec()).or_default().read(source);
            }
        }
        modules
    }

    /// The module of this crate, with a file of its own, that `mention` in the module `from` leads
    /// to. `None` when it leads to another crate or to a name of the same file.
    pub(crate) fn resolve(&self, from: &[String], mention: &Mention) -> Option<ModulePath> {
        let mut place = from.to_vec();
        place.extend(mention.scope.iter().cloned());
        let mut found = self.follow(place, &mention.path, RE_EXPORTS_MAX)?;
        while !self.known.contains_key(&found) {
            found.pop()?;
        }
        Some(found)
    }

    /// The names of the modules right below `parent`.
    pub(crate) fn children(&self, parent: &[String]) -> BTreeSet<&str> {
        self.below(parent).filter_map(|path| path.get(parent.len())).map(String::as_str).collect()
    }

    /// The paths of all modules that have modules below them, but for the root.
    pub(crate) fn folders(&self) -> BTreeSet<ModulePath> {
        let parents = |path: &ModulePath| {
            (1..path.len()).map(|depth| path.iter().take(depth).cloned().collect()).collect()
        };
        self.known.keys().flat_map(|path| -> Vec<ModulePath> { parents(path) }).collect()
    }

    /// Does the module's file define this item, or hand it on by name?
    pub(crate) fn defines(&self, module: &[String], item: &str) -> bool {
        self.known
            .get(module)
            .is_some_and(|known| known.items.contains(item) || known.aliases.contains_key(item))
    }

    fn below(&self, parent: &[String]) -> impl Iterator<Item = &ModulePath> {
        let from_parent = self.known.range(parent.to_vec()..).map(|(path, _)| path);
        from_parent.take_while(move |path| path.starts_with(parent))
    }

    /// Is there a module at this path, with a file or with files below it?
    fn exists(&self, path: &[String]) -> bool {
        self.below(path).next().is_some()
    }

    /// Where a path leads that is written in `from`.
    fn follow(&self, mut from: ModulePath, path: &[String], limit: usize) -> Option<ModulePath> {
        let (head, rest) = path.split_first()?;
        match head.as_str() {
            "crate" => Some(self.descend(ModulePath::new(), rest, limit)),
            "self" => Some(self.descend(from, rest, limit)),
            "super" => {
                from.pop()?;
                let again = rest.first().is_some_and(|next| next == "super");
                if again {
                    self.follow(from, rest, limit)
                } else {
                    Some(self.descend(from, rest, limit))
                }
            }
            _ => {
                let child = [from.as_slice(), std::slice::from_ref(head)].concat();
                if self.exists(&child) {
                    Some(self.descend(child, rest, limit))
                } else {
                    self.re_exported(&from, head, rest, limit)
                }
            }
        }
    }

    /// The module that these names lead to from `place`; a name of no module ends the way.
    fn descend(&self, mut place: ModulePath, names: &[String], limit: usize) -> ModulePath {
        for (index, name) in names.iter().enumerate() {
            place.push(name.clone());
            if self.exists(&place) {
                continue;
            }
            place.pop();
            let rest = names.get(index + 1..).unwrap_or_default();
            return self.re_exported(&place, name, rest, limit).unwrap_or(place);
        }
        place
    }

    /// Where a name that `module` hands on comes from, by name or by glob.
    fn re_exported(
        &self,
        module: &[String],
        name: &String,
        rest: &[String],
        limit: usize,
    ) -> Option<ModulePath> {
        let limit = limit.checked_sub(1)?;
        let known = self.known.get(module)?;
        if known.items.contains(name) {
            return None;
        }
        if let Some(origin) = known.aliases.get(name) {
            let whole: Vec<String> = origin.iter().chain(rest).cloned().collect();
            return self.follow(module.to_vec(), &whole, limit);
        }
        let mut origins =
            known.globs.iter().filter_map(|glob| self.follow(module.to_vec(), glob, limit));
        origins.find(|origin| self.defines(origin, name))
    }
}

impl Module {
    fn read(&mut self, source: &Source) {
        self.items.extend(source.syntax.items.iter().filter_map(item_name));
        let own = source.mentions.iter().filter(|one| one.scope.is_empty() && !one.in_test);
        for mention in own {
            match &mention.manner {
                Manner::Import(name) | Manner::Export(name) if name == "*" => {
                    self.globs.push(mention.path.clone());
                }
                Manner::Import(name) | Manner::Export(name) => {
                    self.aliases.insert(name.clone(), mention.path.clone());
                }
                Manner::InLine | Manner::ListElement => {}
            }
        }
    }
}

/// The name an item has in its module; modules are known by their files.
#[expect(clippy::wildcard_enum_match_arm, reason = "the other kinds of items have no name")]
fn item_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(one) => &one.ident,
        Item::Enum(one) => &one.ident,
        Item::Fn(one) => &one.sig.ident,
        Item::Static(one) => &one.ident,
        Item::Struct(one) => &one.ident,
        Item::Trait(one) => &one.ident,
        Item::Type(one) => &one.ident,
        Item::Union(one) => &one.ident,
        Item::Macro(one) => one.ident.as_ref()?,
        _ => return None,
    };
    Some(name.to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// What the last mention of the first file leads to.
    fn check(files: &[(&str, &str)], expect: Option<&str>) {
        let sources: Vec<Source> = files
            .iter()
            .map(|(path, text)| Source::parse(Path::new(path), Path::new(path), text).unwrap())
            .collect();
        let from = sources[0].module().unwrap();
        let found = Modules::of(&sources).resolve(from, sources[0].mentions.last().unwrap());
        assert_eq!(found.map(|path| path.join("::")).as_deref(), expect, "{}", files[0].1);
    }

    #[test]
    fn crate_self_and_super_are_followed() {
        let b = ("src/b.rs", "pub struct B;");
        check(&[("src/a.rs", "use crate::b::B;"), b], Some("b"));
        check(&[("src/a.rs", "use super::b::B;"), b], Some("b"));
        check(&[("src/a/x.rs", "use super::super::b::B;"), b], Some("b"));
        check(&[("src/lib.rs", "use self::b::B;"), b], Some("b"));
        check(&[("src/a.rs", "mod inner { use super::super::b::B; }"), b], Some("b"));
    }

    #[test]
    fn a_path_in_code_may_begin_with_a_child() {
        check(&[("src/a.rs", "fn f() { b::c() }"), ("src/a/b.rs", "")], Some("a::b"));
    }

    #[test]
    fn a_re_export_leads_to_its_origin() {
        let b = ("src/b.rs", "pub struct B;");
        check(&[("src/a.rs", "use crate::B;"), b, ("src/lib.rs", "pub use b::B;")], Some("b"));
        check(&[("src/a.rs", "use crate::B;"), b, ("src/lib.rs", "pub use b::*;")], Some("b"));
        check(&[("src/a.rs", "use crate::C;"), b, ("src/lib.rs", "pub use b::B as C;")], Some("b"));
    }

    #[test]
    fn an_item_of_the_root_leads_to_the_root() {
        check(&[("src/a.rs", "use crate::R;"), ("src/lib.rs", "pub struct R;")], Some(""));
    }

    #[test]
    fn other_crates_and_local_names_lead_nowhere() {
        check(&[("src/a.rs", "use tokio::sync;")], None);
        check(&[("src/a.rs", "fn f() { Vec::new() }")], None);
    }

    #[test]
    fn another_crates_name_stays_so_when_it_is_imported() {
        for text in ["use foo;", "use foo::foo;", "use foo::{self, bar}; fn f() { foo::g() }"] {
            check(&[("src/a.rs", text)], None);
        }
    }

    #[test]
    fn a_circle_of_re_exports_ends() {
        check(&[("src/a.rs", "use crate::x;"), ("src/lib.rs", "pub use self::x as x;")], Some(""));
    }
}
