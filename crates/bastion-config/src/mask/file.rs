//! The text of a whole file with every value hidden that could be a secret.
//!
//! It reads any text, TOML or not: what it does not understand it hides. It must never trust a
//! parser, since the lines that are shown are those that parsers refuse.

use std::collections::BTreeMap;

use super::{keys, url, whole};
use crate::secret_reference::is_reference;

/// How the values of a key are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Showing {
    /// As they are, but for what looks like a key.
    Plain,
    /// Without user info, query and fragment.
    Url,
    /// Only if they are references.
    Reference,
    /// Not at all.
    Hidden,
}

/// The file's text, same length, comments blank; `showing` says it for each key.
pub(crate) fn hide(text: &str, showing: &dyn Fn(&str) -> Showing) -> String {
    let mut reader = FileReader {
        rest: text,
        out: String::with_capacity(text.len()),
        showing,
        answers: BTreeMap::new(),
        current: Showing::Hidden,
        depth: 0,
        place: Place::Key,
        header: false,
    };
    while let Some(next) = reader.rest.chars().next() {
        reader.step(next);
    }
    reader.out
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A key, if '=' or '.' follows it.
    Key,
    /// A value or what remains of one.
    Value,
}

struct FileReader<'a> {
    rest: &'a str,
    out: String,
    showing: &'a dyn Fn(&str) -> Showing,
    /// What it said, since it is slow and keys come often.
    answers: BTreeMap<&'a str, Showing>,
    /// Of the last key.
    current: Showing,
    /// Brackets open behind the last '='.
    depth: usize,
    place: Place,
    /// Inside `[…]` at a line's begin?
    header: bool,
}

impl<'a> FileReader<'a> {
    fn step(&mut self, next: char) {
        match next {
            '\n' => self.line_end(),
            '#' => self.comment(),
            '"' | '\'' => self.string(next),
            '=' => {
                self.header = false;
                self.mark(next, Place::Value);
            }
            ',' => self.mark(next, Place::Key),
            '.' if self.place == Place::Key => self.mark(next, Place::Key),
            '[' | '{' => self.open(next),
            ']' | '}' => self.close(next),
            _ if next.is_whitespace() => self.mark(next, self.place),
            _ => self.bare(),
        }
    }

    fn mark(&mut self, next: char, place: Place) {
        self.out.push(next);
        self.place = place;
        self.skip(next.len_utf8());
    }

    fn line_end(&mut self) {
        if self.depth == 0 {
            self.current = Showing::Hidden;
            self.header = false;
            self.mark('\n', Place::Key);
        } else {
            self.mark('\n', self.place);
        }
    }

    fn open(&mut self, next: char) {
        let outside = next == '[' && self.depth == 0 && self.place == Place::Key;
        if outside && (self.header || self.at_line_begin()) {
            self.header = true;
        } else {
            self.depth += 1;
        }
        self.mark(next, Place::Key);
    }

    fn at_line_begin(&self) -> bool {
        let before = self.out.trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with('\n')
    }

    fn close(&mut self, next: char) {
        if self.header {
            self.header = false;
            self.current = Showing::Hidden;
        } else {
            self.depth = self.depth.saturating_sub(1);
        }
        self.mark(next, Place::Value);
    }

    fn comment(&mut self) {
        let length = self.rest.find('\n').unwrap_or(self.rest.len());
        self.take(length, |comment| comment.chars().map(blank).collect());
    }

    fn string(&mut self, quote: char) {
        let length = string_length(self.rest, quote);
        let content = self.rest.get(..length).unwrap_or_default().trim_matches(quote);
        self.word(length, content);
    }

    fn bare(&mut self) {
        let ends = |c: char| c.is_whitespace() || "\"'=[]{},#".contains(c);
        let length = self.rest.find(ends).unwrap_or(self.rest.len());
        let content = self.rest.get(..length).unwrap_or_default();
        self.word(length, content);
    }

    /// A string or a bare word, as key or as value.
    fn word(&mut self, length: usize, content: &'a str) {
        let behind = self.rest.get(length..).unwrap_or_default();
        let segment_follows = behind.starts_with('.');
        let is_key = behind.trim_start_matches([' ', '\t']).starts_with('=') || segment_follows;
        if self.header || (self.place == Place::Key && is_key) {
            self.take(length, keys);
            self.current =
                if self.header { Showing::Hidden } else { self.ask(last_segment(content)) };
            self.place = if segment_follows { Place::Key } else { Place::Value };
            return;
        }
        let showing = if self.place == Place::Key && self.depth == 0 {
            // A word where a key should stand: shown if it is one, else it may be anything.
            match self.ask(last_segment(content)) {
                Showing::Plain | Showing::Url => Showing::Plain,
                Showing::Reference | Showing::Hidden => Showing::Hidden,
            }
        } else {
            self.current
        };
        self.take(length, |word| show(word, showing));
        self.place = Place::Value;
    }

    fn ask(&mut self, key: &'a str) -> Showing {
        *self.answers.entry(key).or_insert_with(|| (self.showing)(key))
    }

    fn take(&mut self, length: usize, show: impl Fn(&str) -> String) {
        let (word, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.out.push_str(&show(word));
        self.rest = rest;
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }
}

fn last_segment(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Of the string at the begin of `rest`, quotes included; an open one ends with its line, an open
/// one of several lines with the text.
fn string_length(rest: &str, quote: char) -> usize {
    let triple: String = [quote; 3].iter().collect();
    let (delimiter, lines) =
        if rest.starts_with(&triple) { (triple.as_str(), true) } else { (&triple[..1], false) };
    let mut at = delimiter.len();
    while let Some(next) = rest.get(at..).and_then(|tail| tail.chars().next()) {
        if rest.get(at..).is_some_and(|tail| tail.starts_with(delimiter)) {
            return at + delimiter.len();
        }
        if next == '\n' && !lines {
            return at;
        }
        at += next.len_utf8();
        if next == '\\' && quote == '"' {
            let escaped = rest.get(at..).and_then(|tail| tail.chars().next());
            at += escaped.filter(|c| *c != '\n').map_or(0, char::len_utf8);
        }
    }
    rest.len()
}

fn show(word: &str, showing: Showing) -> String {
    let content = word.trim_matches(['"', '\'']);
    let (before, behind) = word.split_once(content).unwrap_or((word, ""));
    match showing {
        Showing::Plain => keys(word),
        Showing::Url => format!("{before}{}{behind}", url(content)),
        Showing::Reference if is_reference(content) => keys(word),
        Showing::Reference | Showing::Hidden => lines(before, content, behind),
    }
}

/// Hides the content and keeps its line ends, which places count.
fn lines(before: &str, content: &str, behind: &str) -> String {
    let hidden: Vec<String> = content.split('\n').map(whole).collect();
    format!("{before}{}{behind}", hidden.join("\n"))
}

/// A space of the same length in bytes.
fn blank(c: char) -> char {
    match c.len_utf8() {
        1 if c == '\r' => '\r',
        1 => ' ',
        2 => '\u{a0}',
        3 => '\u{2003}',
        _ => '\u{e0020}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn showing(key: &str) -> Showing {
        match key {
            "listen" | "list" => Showing::Plain,
            "url" => Showing::Url,
            "api_key" => Showing::Reference,
            _ => Showing::Hidden,
        }
    }

    fn check(text: &str, expect: &str) {
        let hidden = hide(text, &showing);
        assert_eq!(hidden, expect);
        assert_eq!(hidden.len(), text.len());
    }

    #[test]
    fn a_literal_is_hidden_and_a_reference_is_not() {
        check("api_key = \"hunter2\"", "api_key = \"*******\"");
        check("api_key = 'hunter2' # old", "api_key = '*******'      ");
        check("api_key = \"env:KEY\"", "api_key = \"env:KEY\"");
        check("api_key = hunter2", "api_key = *******");
        check("x.api_key = \"hunter2\"", "x.api_key = \"*******\"");
        check("\"x\".\"api_key\"=\"hunter2\"", "\"x\".\"api_key\"=\"*******\"");
        check("x = { api_key = \"hunter2\", list = 3 }", "x = { api_key = \"*******\", list = 3 }");
    }

    #[test]
    fn broken_toml_hides_too() {
        check("api_key = \"hunter2", "api_key = \"*******");
        check("api_key = aGVsbG8=", "api_key = *******=");
        check("api_key: hunter2", "******** *******");
        check("api_key \"hunter2\"", "******* \"*******\"");
        check("api_key = \"a\"b\"c\"", "api_key = \"*\"*\"*\"");
        check("api_key = \"hunter2\" = 3", "api_key = \"*******\" = *");
        check("hunter2", "*******");
        check("[listen] hunter2", "[listen] *******");
        check("[x api_key = \"hunter2\"", "[x api_key = \"*******\"");
        check("api_key = \"\"\"\nhunter2\\q=\nx", "api_key = \"\"\"\n**********\n*");
        check("list = [\nhunter = \"x\"", "list = [\nhunter = \"*\"");
    }

    #[test]
    fn what_is_known_to_be_harmless_is_shown() {
        check("listen = \"a:1\"\n[api_key]\n", "listen = \"a:1\"\n[api_key]\n");
        check("list = [\"a\",\n \"b\"]", "list = [\"a\",\n \"b\"]");
        check("url = \"x://u:p@h/v1\"", "url = \"x://***@h/v1\"");
        check("listen = \"qbt_live12\"", "listen = \"qbt_******\"");
        check("listen 3", "listen *");
    }

    #[test]
    fn letters_of_several_bytes_keep_their_places() {
        check("api_key = \"né漢\" # né", "api_key = \"*·•\"    \u{a0}");
    }
}
