//! Paths in tokens that no parser of ours reads: the insides of macros and attributes.
//!
//! It must never guess at more than `a::b`: what a macro makes of its tokens is not known.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;

/// A path of two or more segments, and where it begins.
pub(crate) type Found = (Vec<String>, Span);

/// All paths, those in brackets among them, in the order in which they end.
pub(crate) fn paths(tokens: TokenStream) -> Vec<Found> {
    let mut reader = Reader::default();
    reader.read(tokens);
    reader.found
}

/// The name without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}

#[derive(Default)]
struct Reader {
    found: Vec<Found>,
    open: Vec<String>,
    start: Option<Span>,
    colons: usize,
}

impl Reader {
    fn read(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => self.name(&ident),
                TokenTree::Punct(mark) if mark.as_char() == ':' => self.colons += 1,
                TokenTree::Punct(_) | TokenTree::Literal(_) => self.end(),
                TokenTree::Group(group) => {
                    self.end();
                    self.read(group.stream());
                }
            }
        }
        self.end();
    }

    /// Goes on with the open path after `::`, else begins another.
    fn name(&mut self, ident: &Ident) {
        if self.colons != 2 {
            self.end();
        }
        self.start = self.start.or_else(|| Some(ident.span()));
        self.open.push(plain(ident));
        self.colons = 0;
    }

    fn end(&mut self) {
        let path = std::mem::take(&mut self.open);
        let start = self.start.take();
        self.colons = 0;
        if let Some(start) = start.filter(|_| path.len() > 1) {
            self.found.push((path, start));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let found = paths(text.parse().unwrap());
        let found: Vec<String> = found.iter().map(|(path, _)| path.join("::")).collect();
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn paths_are_found_in_brackets_too() {
        check("x = c::d(e::f(), \"g::h\") => ::i::r#type", &["c::d", "e::f", "i::type"]);
    }

    #[test]
    fn a_field_and_its_value_are_no_path() {
        check("name: value, x::<T>::y, a b::c", &["b::c"]);
    }
}
