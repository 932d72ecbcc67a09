//! The sizes of one file: lines, lines before its tests, documentation, functions.
//!
//! It must never know a limit: limits are in `rules/sizes.rs`.

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, TraitItemFn};

use super::source::Source;

/// The sizes of a file.
#[derive(Debug)]
pub(crate) struct Sizes {
    /// All lines.
    pub(crate) lines: usize,
    /// The lines before its `#[cfg(test)] mod tests`.
    pub(crate) own_lines: usize,
    /// The lines that are `///` or `//!`.
    pub(crate) doc_lines: usize,
    /// Every function, tests among them, from top to bottom.
    pub(crate) functions: Vec<Function>,
}

/// The size of a function.
#[derive(Debug)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// The 1-based line of its name.
    pub(crate) line: usize,
    /// The lines between its braces that are neither blank nor comment.
    pub(crate) code_lines: usize,
}

impl Sizes {
    /// Measures a file.
    pub(crate) fn of(source: &Source) -> Sizes {
        let lines: Vec<&str> = source.text.lines().map(str::trim_start).collect();
        let mut reader = Reader { code: code_lines(&lines), functions: Vec::new() };
        reader.visit_file(&source.syntax);
        let is_doc = |line: &&&str| line.starts_with("///") || line.starts_with("//!");
        Sizes {
            lines: lines.len(),
            own_lines: source.tests_line().map_or(lines.len(), |line| line - 1),
            doc_lines: lines.iter().filter(is_doc).count(),
            functions: reader.functions,
        }
    }

    /// The code lines of the longest function; 0 without any.
    pub(crate) fn longest_function(&self) -> usize {
        self.functions.iter().map(|function| function.code_lines).max().unwrap_or(0)
    }
}

/// Which lines are neither blank nor comment.
fn code_lines(lines: &[&str]) -> Vec<bool> {
    let mut in_comment = false;
    let mut is_code = |line: &&str| {
        let opens = !in_comment && line.starts_with("/*");
        let comment = in_comment || opens || line.starts_with("//");
        in_comment = (in_comment || opens) && !line.contains("*/");
        !comment && !line.is_empty()
    };
    lines.iter().map(&mut is_code).collect()
}

struct Reader {
    code: Vec<bool>,
    functions: Vec<Function>,
}

impl Reader {
    fn add(&mut self, name: &Ident, body: &Block) {
        let first = body.brace_token.span.open().start().line;
        let last = body.brace_token.span.close().end().line;
        let between = last.saturating_sub(first + 1);
        let inside = self.code.iter().skip(first).take(between);
        self.functions.push(Function {
            name: name.to_string(),
            line: name.span().start().line,
            code_lines: inside.filter(|code| **code).count().max(1),
        });
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_fn(&mut self, node: &'ast ItemFn) {
        self.add(&node.sig.ident, &node.block);
        visit::visit_item_fn(self, node);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast ImplItemFn) {
        self.add(&node.sig.ident, &node.block);
        visit::visit_impl_item_fn(self, node);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast TraitItemFn) {
        if let Some(body) = &node.default {
            self.add(&node.sig.ident, body);
        }
        visit::visit_trait_item_fn(self, node);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TEXT: &str = "\
//! head
fn long() {
    // comment
    one();

    /* block
       comment */
    two();
}
fn short() {}

#[cfg(test)]
mod tests {}
";

    #[test]
    fn blanks_and_comments_are_no_code_and_tests_are_not_counted() {
        let source = Source::parse(Path::new("a.rs"), Path::new("src/a.rs"), TEXT).unwrap();
        let sizes = Sizes::of(&source);
        let found: Vec<_> =
            sizes.functions.iter().map(|one| (&*one.name, one.line, one.code_lines)).collect();
        assert_eq!(found, [("long", 2, 2), ("short", 10, 1)]);
        assert_eq!((sizes.lines, sizes.own_lines, sizes.doc_lines), (13, 11, 1));
    }
}
