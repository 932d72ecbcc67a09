//! The file as a tree of values, each with the place where it stands.
//!
//! It must never judge a value: names, types and limits are the readers' matter.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// A value and where it came from.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Origin {
    /// The field table.
    #[default]
    Default,
    /// The file, in bytes from its start.
    Span(Range<usize>),
    /// An environment variable, by its name.
    Variable(String),
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    /// From a default or a variable: the reader decides what it means.
    Written(String),
    /// Beyond `i128` it stands at that end.
    Integer(i128),
    /// Its digits.
    Float(String),
    Boolean(bool),
    /// As it is written.
    Date(String),
    List(Vec<Node>),
    Table(Table),
}

/// A table's entries in the order of the file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Where the key stands; for a table its name in the first header that has it.
    pub(crate) key_origin: Origin,
    pub(crate) node: Node,
}

/// What is not TOML.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) span: Range<usize>,
}

/// As much of the text as is TOML, and what is not.
pub(crate) fn parse(text: &str) -> (Table, Vec<SyntaxError>) {
    let (root, errors) = DeTable::parse_recoverable(text);
    let errors = errors
        .into_iter()
        .map(|error| SyntaxError {
            message: error.message().to_owned(),
            span: error.span().unwrap_or(0..0),
        })
        .collect();
    (table(root.into_inner()), errors)
}

impl Node {
    /// A value as a default or a variable writes it.
    pub(crate) fn written(text: &str, origin: Origin) -> Node {
        Node { value: Value::Written(text.to_owned()), origin }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) | Value::Written(text) = &self.value { Some(text) } else { None }
    }

    /// The elements, if it is a list.
    pub(crate) fn list(&self) -> Option<&[Node]> {
        if let Value::List(nodes) = &self.value { Some(nodes) } else { None }
    }

    /// The table, if it is one.
    pub(crate) fn table(&self) -> Option<&Table> {
        if let Value::Table(table) = &self.value { Some(table) } else { None }
    }

    /// What it is, with its article.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.value {
            Value::Text(_) | Value::Written(_) => "a text",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number with a point",
            Value::Boolean(_) => "true or false",
            Value::Date(_) => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
        }
    }

    /// As one would write it in an environment variable.
    pub(crate) fn show(&self) -> String {
        match &self.value {
            Value::Text(text) | Value::Written(text) | Value::Date(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Boolean(flag) => flag.to_string(),
            Value::List(nodes) if nodes.is_empty() => "none".to_owned(),
            Value::List(nodes) => nodes.iter().map(Node::show).collect::<Vec<_>>().join(","),
            Value::Float(digits) => digits.clone(),
            Value::Table(_) => self.describe().to_owned(),
        }
    }
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The table under `key`, if there is one.
    pub(crate) fn table(&self, key: &str) -> Option<&Table> {
        self.get(key).and_then(Node::table)
    }

    /// The node at the end of `path`.
    pub(crate) fn find(&self, path: &[&str]) -> Option<&Node> {
        let (last, tables) = path.split_last()?;
        let mut table = self;
        for key in tables {
            table = table.table(key)?;
        }
        table.get(last)
    }

    /// Puts a value at the end of `path`, making the tables on the way; what stands there goes.
    /// Where the file has something else than a table on the way, nothing is put: that is an
    /// error of its own.
    pub(crate) fn put(&mut self, path: &[String], node: Node) {
        let Some((key, rest)) = path.split_first() else {
            return;
        };
        if rest.is_empty() {
            self.replace(key, node);
            return;
        }
        if self.entry(key).is_none() {
            let table = Node { value: Value::Table(Table::default()), origin: node.origin.clone() };
            self.replace(key, table);
        }
        let entry = self.entries.iter_mut().find(|entry| entry.key == *key);
        if let Some(Entry { node: Node { value: Value::Table(table), .. }, .. }) = entry {
            table.put(rest, node);
        }
    }

    fn replace(&mut self, key: &str, node: Node) {
        let key_origin = node.origin.clone();
        match self.entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => {
                entry.node = node;
                entry.key_origin = key_origin;
            }
            None => self.entries.push(Entry { key: key.to_owned(), key_origin, node }),
        }
    }
}

fn table(parsed: DeTable<'_>) -> Table {
    let mut entries: Vec<(usize, Entry)> =
        parsed.into_iter().map(|(key, value)| (key.span().start, entry(key, value))).collect();
    entries.sort_by_key(|(start, _)| *start);
    Table { entries: entries.into_iter().map(|(_, entry)| entry).collect() }
}

fn entry(key: Spanned<DeString<'_>>, value: Spanned<DeValue<'_>>) -> Entry {
    let key_origin = Origin::Span(key.span());
    Entry { key: key.into_inner().into_owned(), key_origin, node: node(value) }
}

fn node(parsed: Spanned<DeValue<'_>>) -> Node {
    let origin = Origin::Span(parsed.span());
    let value = match parsed.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => Value::Integer(integer(number.as_str(), number.radix())),
        DeValue::Float(digits) => Value::Float(digits.as_str().to_owned()),
        DeValue::Boolean(flag) => Value::Boolean(flag),
        DeValue::Datetime(moment) => Value::Date(moment.to_string()),
        DeValue::Array(nodes) => Value::List(nodes.into_iter().map(node).collect()),
        DeValue::Table(entries) => Value::Table(table(entries)),
    };
    Node { value, origin }
}

fn integer(digits: &str, radix: u32) -> i128 {
    let beyond = if digits.starts_with('-') { i128::MIN } else { i128::MAX };
    i128::from_str_radix(digits, radix).unwrap_or(beyond)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_keeps_order_and_places() {
        let text = "b = 1\n[t]\nx = \"y\"\n[a]\n";
        let (root, errors) = parse(text);
        assert!(errors.is_empty());
        let keys: Vec<&str> = root.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["b", "t", "a"]);
        let Origin::Span(span) = &root.find(&["t", "x"]).unwrap().origin else { panic!() };
        assert_eq!(&text[span.clone()], "\"y\"");
        let Origin::Span(span) = &root.entry("a").unwrap().key_origin else { panic!() };
        assert_eq!(&text[span.clone()], "a");
    }

    #[test]
    fn every_syntax_error_is_told() {
        let (_, errors) = parse("a = \n[b]\nc = 1\nc = 2\nd = x\n");
        assert!(errors.len() >= 3, "{errors:?}");
    }

    #[test]
    fn a_deep_nest_is_an_error_and_no_crash() {
        let (_, errors) = parse(&format!("a = {}", "[".repeat(100_000)));
        assert!(!errors.is_empty());
    }

    #[test]
    fn an_integer_beyond_all_bounds_stays_there() {
        assert_eq!(integer("99999999999999999999999999999999999999999999", 10), i128::MAX);
        assert_eq!(integer("ff", 16), 255);
    }

    #[test]
    fn what_is_put_wins_and_never_breaks_a_scalar() {
        let (mut root, _) = parse("a = 1\n");
        let node = || Node::written("x", Origin::Variable("V".into()));
        root.put(&["b".into(), "c".into()], node());
        root.put(&["a".into(), "c".into()], node());
        assert_eq!(root.find(&["b", "c"]).unwrap().show(), "x");
        assert_eq!(root.get("a").unwrap().show(), "1");
        root.put(&["a".into()], node());
        assert_eq!(root.get("a").unwrap().show(), "x");
    }
}
