//! Reads one table of the tree by its field table: checks its keys, takes defaults, writes down
//! what is wrong and where each effective value came from.
//!
//! It must never stop at a finding: the caller reads every setting before it gives up.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bastion_types::NameError;

use crate::codes;
use crate::field::{Field, Kind, Presence};
use crate::kinds::wrong_type;
use crate::notes::{Notes, Problem};
use crate::suggest;
use crate::tree::{Entry, Node, Origin, Table, Value};

/// Something is wrong and has been written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Invalid;

/// One table, or the lack of it.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    notes: &'a Notes,
    /// Dotted; empty for the whole file.
    path: String,
    /// Where the table's name stands.
    origin: Origin,
    table: Option<&'a Table>,
}

impl<'a> Reader<'a> {
    /// For the whole file; its keys are checked.
    pub(crate) fn root(notes: &'a Notes, root: &'a Table, fields: &[Field]) -> Reader<'a> {
        Reader::open(notes, String::new(), Origin::Default, Some(root), fields)
    }

    fn open(
        notes: &'a Notes,
        path: String,
        origin: Origin,
        table: Option<&'a Table>,
        fields: &[Field],
    ) -> Reader<'a> {
        let reader = Reader { notes, path, origin, table };
        for entry in table.map_or(&[][..], |table| &table.entries) {
            reader.check_key(entry, fields);
        }
        reader
    }

    /// The dotted key of a setting in this table.
    pub(crate) fn key(&self, name: &str) -> String {
        let name = segment(name);
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }

    /// The value as it stands, if it does.
    pub(crate) fn node(&self, field: &Field) -> Option<&'a Node> {
        self.table?.get(field.name)
    }

    /// A setting that has a default or must be there.
    pub(crate) fn one<T>(
        &self,
        field: &Field,
        parse: impl Fn(&Node) -> Result<T, Problem>,
    ) -> Result<T, Invalid> {
        self.maybe(field, parse)?.ok_or_else(|| self.missing(field))
    }

    /// A setting that may be absent.
    pub(crate) fn maybe<T>(
        &self,
        field: &Field,
        parse: impl Fn(&Node) -> Result<T, Problem>,
    ) -> Result<Option<T>, Invalid> {
        let Some(node) = self.effective(field) else {
            return Ok(None);
        };
        match parse(&node) {
            Ok(value) => {
                self.show(field, &node);
                Ok(Some(value))
            }
            Err(problem) => Err(self.error(field, &node.origin, problem)),
        }
    }

    /// A list that must be there.
    pub(crate) fn list<T>(
        &self,
        field: &Field,
        parse: impl Fn(&Node) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Invalid> {
        self.maybe_list(field, parse)?.ok_or_else(|| self.missing(field))
    }

    /// A list that may be absent; for a field of words or names one alone will do.
    pub(crate) fn maybe_list<T>(
        &self,
        field: &Field,
        parse: impl Fn(&Node) -> Result<T, Problem>,
    ) -> Result<Option<Vec<T>>, Invalid> {
        let Some(node) = self.effective(field) else {
            return Ok(None);
        };
        let Some(elements) = elements(field, &node) else {
            let wanted = if matches!(field.kind, Kind::NamesOrTables { .. }) {
                "a name, or a list of names or tables"
            } else {
                "a list, such as [\"…\", \"…\"]"
            };
            let problem = wrong_type(wanted, &node);
            return Err(self.error(field, &node.origin, problem));
        };
        let read: Vec<Result<T, Invalid>> = elements
            .iter()
            .map(|element| {
                parse(element).map_err(|problem| self.error(field, &element.origin, problem))
            })
            .collect();
        let list = read.into_iter().collect::<Result<Vec<T>, Invalid>>()?;
        self.show(field, &node);
        Ok(Some(list))
    }

    /// A table inside this one; absent, it is read from its defaults.
    pub(crate) fn table(&self, field: &Field) -> Result<Reader<'a>, Invalid> {
        match self.table.and_then(|table| table.entry(field.name)) {
            Some(entry) => self.enter(field, &entry.key_origin, &entry.node),
            None => Ok(Reader::open(
                self.notes,
                self.key(field.name),
                self.origin.clone(),
                None,
                own_fields(field),
            )),
        }
    }

    /// A table inside this one that may be absent.
    pub(crate) fn maybe_table(&self, field: &Field) -> Result<Option<Reader<'a>>, Invalid> {
        match self.table.and_then(|table| table.entry(field.name)) {
            None => {
                self.show_absent(field);
                Ok(None)
            }
            Some(entry) => self.enter(field, &entry.key_origin, &entry.node).map(Some),
        }
    }

    /// The tables of a setting's list; absent, there are none.
    pub(crate) fn tables(&self, field: &Field) -> Result<Vec<Reader<'a>>, Invalid> {
        let Some(node) = self.node(field) else {
            self.show_absent(field);
            return Ok(Vec::new());
        };
        let most = if let Kind::Tables { most, .. } = field.kind { most } else { usize::MAX };
        let Some(nodes) = node.list() else {
            let header = format!("[[{}]]", self.key(field.name));
            let problem = wrong_type("a list of tables", node).help(format!("write {header}"));
            return Err(self.error(field, &node.origin, problem));
        };
        if nodes.len() > most {
            let message = format!("must hold at most {most}, not {}", nodes.len());
            let problem = Problem::new(codes::OUT_OF_RANGE, message);
            return Err(self.error(field, &node.origin, problem));
        }
        // All are opened before the first failure is handed on.
        let opened: Vec<_> =
            nodes.iter().enumerate().map(|(at, node)| self.element(field, at, node)).collect();
        opened.into_iter().collect()
    }

    /// The table that stands in a setting's list, counted from 0.
    pub(crate) fn element(
        &self,
        field: &Field,
        at: usize,
        node: &'a Node,
    ) -> Result<Reader<'a>, Invalid> {
        let Value::Table(table) = &node.value else {
            return Err(self.error(field, &node.origin, wrong_type("a name or a table", node)));
        };
        let key = format!("{}[{at}]", self.key(field.name));
        Ok(Reader::open(self.notes, key, node.origin.clone(), Some(table), own_fields(field)))
    }

    /// The table that is a setting's value.
    fn enter(&self, field: &Field, origin: &Origin, node: &'a Node) -> Result<Reader<'a>, Invalid> {
        let Value::Table(table) = &node.value else {
            return Err(self.error(field, &node.origin, wrong_type("a table", node)));
        };
        let key = self.key(field.name);
        Ok(Reader::open(self.notes, key, origin.clone(), Some(table), own_fields(field)))
    }

    /// The tables by name of a setting; at least one.
    pub(crate) fn named<N: Ord, T>(
        &self,
        field: &Field,
        parse: fn(&str) -> Result<N, NameError>,
        read: impl Fn(&Reader<'a>) -> Result<T, Invalid>,
    ) -> Result<BTreeMap<N, T>, Invalid> {
        let outer = self.table(field)?;
        let entries = outer.table.map_or(&[][..], |table| &table.entries);
        if entries.is_empty() {
            return Err(self.missing(field));
        }
        // All are read before the first failure is handed on.
        let all: Vec<Result<(N, T), Invalid>> =
            entries.iter().map(|entry| outer.one_named(entry, field, parse, &read)).collect();
        all.into_iter().collect()
    }

    /// The tables by name of a setting that may be absent.
    pub(crate) fn maybe_named<N: Ord, T>(
        &self,
        field: &Field,
        parse: fn(&str) -> Result<N, NameError>,
        read: impl Fn(&Reader<'a>) -> Result<T, Invalid>,
    ) -> Result<BTreeMap<N, T>, Invalid> {
        if self.node(field).is_none() {
            return Ok(BTreeMap::new());
        }
        self.named(field, parse, read)
    }

    fn one_named<N, T>(
        &self,
        entry: &'a Entry,
        field: &Field,
        parse: fn(&str) -> Result<N, NameError>,
        read: &impl Fn(&Reader<'a>) -> Result<T, Invalid>,
    ) -> Result<(N, T), Invalid> {
        let key = self.key(&entry.key);
        let name = parse(&entry.key).map_err(|error| {
            let problem = Problem::new(codes::BAD_NAME, format!("bad name in '{key}': {error}"));
            self.notes.error(&key, &entry.key_origin, problem);
            Invalid
        });
        let Value::Table(table) = &entry.node.value else {
            let mut problem = wrong_type("a table", &entry.node);
            problem.message = format!("'{key}' {}", problem.message);
            self.notes.error(&key, &entry.node.origin, problem);
            return Err(Invalid);
        };
        let origin = entry.key_origin.clone();
        let reader = Reader::open(self.notes, key, origin, Some(table), field.inner());
        let value = read(&reader);
        Ok((name?, value?))
    }

    /// Writes down what is wrong with a setting of this table; the message lacks its subject.
    pub(crate) fn error(&self, field: &Field, origin: &Origin, mut problem: Problem) -> Invalid {
        let key = self.key(field.name);
        problem.message = format!("'{key}' {}", problem.message);
        self.notes.error(&key, origin, problem);
        Invalid
    }

    /// What stands, else the default; the absence of both is shown by its meaning.
    fn effective(&self, field: &Field) -> Option<Cow<'a, Node>> {
        if let Some(node) = self.node(field) {
            return Some(Cow::Borrowed(node));
        }
        match field.presence {
            Presence::Default(text) => Some(Cow::Owned(Node::written(text, Origin::Default))),
            Presence::Absent(_) | Presence::Required => {
                self.show_absent(field);
                None
            }
        }
    }

    fn show_absent(&self, field: &Field) {
        if let Presence::Absent(meaning) = field.presence {
            self.notes.show(self.key(field.name), meaning, &Origin::Default);
        }
    }

    fn show(&self, field: &Field, node: &Node) {
        self.notes.show(self.key(field.name), &node.show(), &node.origin);
    }

    fn missing(&self, field: &Field) -> Invalid {
        let key = self.key(field.name);
        let problem = if matches!(field.kind, Kind::Named(_)) {
            Problem::new(codes::MISSING_KEY, format!("no [{key}.NAME] is configured"))
                .help(format!("at least one is needed: {}", field.doc))
        } else {
            Problem::new(codes::MISSING_KEY, format!("'{key}' is missing"))
                .help(format!("add {} to [{}]: {}", field.name, self.path, field.doc))
        };
        self.notes.error(&key, &self.origin, problem);
        Invalid
    }

    fn check_key(&self, entry: &Entry, fields: &[Field]) {
        let Some(field) = fields.iter().find(|field| field.name == entry.key) else {
            return self.check_unknown(entry, fields);
        };
        let asks_for_nothing = if let Kind::Inert(harmless) = field.kind {
            harmless(&entry.node)
        } else {
            field.is_built()
        };
        if !asks_for_nothing {
            let key = self.key(field.name);
            self.notes.error(&key, &entry.key_origin, unbuilt(&key, field));
        }
    }

    fn check_unknown(&self, entry: &Entry, fields: &[Field]) {
        if fields.is_empty() {
            return;
        }
        let known = || fields.iter().filter(|field| field.is_built()).map(|field| field.name);
        let name = entry.key.escape_debug();
        let message = if self.path.is_empty() {
            format!("unknown setting or section '{name}'")
        } else {
            format!("unknown setting '{name}' in [{}]", self.path)
        };
        let mut problem = Problem::new(codes::UNKNOWN_KEY, message)
            .note(format!("known here: {}", known().collect::<Vec<_>>().join(", ")));
        problem.help = suggest::question(&entry.key, known());
        self.notes.error(&self.key(&entry.key), &entry.key_origin, problem);
    }
}

/// The finding for a setting that this version does not have.
pub(crate) fn unbuilt(key: &str, field: &Field) -> Problem {
    let message = format!("'{key}' is not in this version: {} is not built", field.doc);
    Problem::new(codes::NOT_IN_THIS_VERSION, message).help("remove it; of a section, all its lines")
}

/// The settings that stand in this table itself; names that people choose are none.
fn own_fields(field: &Field) -> &'static [Field] {
    if matches!(field.kind, Kind::Named(_)) { &[] } else { field.inner() }
}

/// One part of a dotted key, in quotes where TOML wants them.
fn segment(name: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(bare) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.escape_debug())
    }
}

/// The elements of a list; for a field of words or names one alone is one.
fn elements<'n>(field: &Field, node: &'n Node) -> Option<Cow<'n, [Node]>> {
    if let Value::Written(text) = &node.value {
        return Some(Cow::Owned(split(text, &node.origin)));
    }
    let one_will_do = matches!(field.kind, Kind::Words(_) | Kind::NamesOrTables { .. });
    if one_will_do && node.text().is_some() {
        return Some(Cow::Borrowed(std::slice::from_ref(node)));
    }
    node.list().map(Cow::Borrowed)
}

/// The elements of a list as a variable writes it.
fn split(text: &str, origin: &Origin) -> Vec<Node> {
    text.split(',')
        .map(str::trim)
        .filter(|element| !element.is_empty())
        .map(|element| Node::written(element, origin.clone()))
        .collect()
}
