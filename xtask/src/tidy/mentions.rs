//! Every path that a source names: `use` lines, paths in code, paths inside macros.
//!
//! It must never resolve a path: what a path means is for `modules.rs`. It does not see paths
//! in strings (`#[serde(with = "…")]`) and documentation.

use proc_macro2::{Span, TokenStream};
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, UseTree};

use super::tokens::{self, plain};

/// One path of two or more segments (a `use` may have one), as it stands in the source.
#[derive(Debug)]
pub(crate) struct Mention {
    /// The segments, with `crate`, `self` and `super` as written; a glob's star is left out.
    pub(crate) path: Vec<String>,
    /// 1-based.
    pub(crate) line: usize,
    /// The modules written in the file itself that stand around the mention, outermost first.
    pub(crate) scope: Vec<String>,
    /// How it is named.
    pub(crate) manner: Manner,
    /// Does it stand in code that only tests compile?
    pub(crate) in_test: bool,
}

/// How a path is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manner {
    /// A private `use` that binds this name; `*` for a glob.
    Import(String),
    /// A `use` seen outside its module that binds this name; `*` for a glob.
    Export(String),
    /// A path in code.
    InLine,
    /// A path in the value of a constant `ALL`: a list naming its members.
    ListElement,
}

/// All mentions of a file, from top to bottom.
pub(crate) fn of(file: &syn::File) -> Vec<Mention> {
    let mut reader = Reader::default();
    reader.visit_file(file);
    reader.found
}

/// Is this code compiled for tests alone?
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.meta.require_list().map(|list| list.tokens.to_string());
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg") && condition.is_ok_and(|text| text == "test")
    })
}

#[derive(Default)]
struct Reader {
    found: Vec<Mention>,
    scope: Vec<String>,
    tests_around: usize,
    lists_around: usize,
}

impl Reader {
    fn add(&mut self, path: Vec<String>, span: Span, manner: Manner) {
        let line = span.start().line;
        let (scope, in_test) = (self.scope.clone(), self.tests_around > 0);
        self.found.push(Mention { path, line, scope, manner, in_test });
    }

    fn add_in_code(&mut self, path: Vec<String>, span: Span) {
        if path.len() > 1 {
            let listed = self.lists_around > 0;
            self.add(path, span, if listed { Manner::ListElement } else { Manner::InLine });
        }
    }

    /// Reads what `inner` reads, marked as test code when the attributes say so.
    fn guarded(&mut self, attributes: &[Attribute], inner: impl FnOnce(&mut Reader)) {
        let weight = usize::from(is_for_tests(attributes));
        self.tests_around += weight;
        inner(self);
        self.tests_around -= weight;
    }

    /// Reads what `inner` reads, marked as a list's element when the constant is named `ALL`.
    fn listed(&mut self, constant: &Ident, inner: impl FnOnce(&mut Reader)) {
        let weight = usize::from(constant == "ALL");
        self.lists_around += weight;
        inner(self);
        self.lists_around -= weight;
    }

    fn read_use(&mut self, tree: &UseTree, mut path: Vec<String>, bind: fn(String) -> Manner) {
        match tree {
            UseTree::Path(inner) => {
                path.push(plain(&inner.ident));
                self.read_use(&inner.tree, path, bind);
            }
            UseTree::Group(group) => {
                for inner in &group.items {
                    self.read_use(inner, path.clone(), bind);
                }
            }
            UseTree::Name(name) => {
                self.read_leaf(path, &name.ident, &name.ident, bind);
            }
            UseTree::Rename(renamed) => {
                self.read_leaf(path, &renamed.ident, &renamed.rename, bind);
            }
            UseTree::Glob(glob) => self.add(path, glob.star_token.span, bind("*".to_owned())),
        }
    }

    /// `self` in a group stands for the path before it.
    fn read_leaf(
        &mut self,
        mut path: Vec<String>,
        leaf: &Ident,
        bound: &Ident,
        bind: fn(String) -> Manner,
    ) {
        if leaf != "self" || path.is_empty() {
            path.push(plain(leaf));
        }
        let bound =
            if bound == "self" { path.last().cloned().unwrap_or_default() } else { plain(bound) };
        self.add(path, leaf.span(), bind(bound));
    }

    fn scan(&mut self, tokens: &TokenStream) {
        for (path, start) in tokens::paths(tokens.clone()) {
            self.add_in_code(path, start);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_use(&mut self, node: &'ast syn::ItemUse) {
        let private = matches!(node.vis, syn::Visibility::Inherited);
        let bind = if private { Manner::Import } else { Manner::Export };
        self.guarded(&node.attrs, |reader| reader.read_use(&node.tree, Vec::new(), bind));
    }

    fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
        self.scope.push(plain(&node.ident));
        self.guarded(&node.attrs, |reader| visit::visit_item_mod(reader, node));
        self.scope.pop();
    }

    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.guarded(&node.attrs, |reader| visit::visit_item_fn(reader, node));
    }

    fn visit_item_impl(&mut self, node: &'ast syn::ItemImpl) {
        self.guarded(&node.attrs, |reader| visit::visit_item_impl(reader, node));
    }

    fn visit_item_const(&mut self, node: &'ast syn::ItemConst) {
        self.listed(&node.ident, |reader| visit::visit_item_const(reader, node));
    }

    fn visit_item_static(&mut self, node: &'ast syn::ItemStatic) {
        self.listed(&node.ident, |reader| visit::visit_item_static(reader, node));
    }

    fn visit_path(&mut self, node: &'ast syn::Path) {
        let path = node.segments.iter().map(|segment| plain(&segment.ident)).collect();
        let span = node.segments.first().map_or_else(Span::call_site, |first| first.ident.span());
        self.add_in_code(path, span);
        visit::visit_path(self, node);
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        self.visit_path(&node.path);
        self.scan(&node.tokens);
    }

    fn visit_meta_list(&mut self, node: &'ast syn::MetaList) {
        self.visit_path(&node.path);
        self.scan(&node.tokens);
    }

    /// `pub(in crate::x)` names a module without using it.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let found = of(&syn::parse_file(text).unwrap());
        let found: Vec<String> = found.iter().map(|one| one.path.join("::")).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn use_lines_are_flattened() {
        check("use a::{self, b::{c as d, *}, r#type};", &["a", "a::b::c", "a::b", "a::type"]);
    }

    #[test]
    fn paths_in_code_types_and_patterns_are_found() {
        check(
            "fn f(x: a::B<c::D>) { if let e::F(_) = g::h(x) {} }",
            &["a::B", "c::D", "e::F", "g::h"],
        );
    }

    #[test]
    fn paths_in_macros_and_attributes_are_found() {
        check(
            "#[derive(a::B)] struct S; fn f() { select! { x = c::d(e::f()) => g, } }",
            &["a::B", "c::d", "e::f"],
        );
    }

    #[test]
    fn a_visibility_is_no_mention() {
        check("pub(in crate::x) struct S;", &[]);
    }

    #[test]
    fn test_code_and_scopes_are_marked() {
        let text = "fn f() { a::b() } #[cfg(test)] mod tests { use super::*; }";
        let found = of(&syn::parse_file(text).unwrap());
        assert!(!found[0].in_test);
        assert!(found[1].in_test);
        assert_eq!(found[1].scope, ["tests"]);
        assert_eq!(found[1].manner, Manner::Import("*".to_owned()));
    }

    #[test]
    fn the_elements_of_a_list_are_marked() {
        let found = of(&syn::parse_file("static ALL: &[&dyn T] = &[&a::A];").unwrap());
        assert_eq!(found[0].manner, Manner::ListElement);
    }
}
