//! What a setting is: name, kind, default and its line in the manual, as data.
//!
//! Unknown keys, `config show`, the schema, environment variables and the manual's test all read
//! these tables; no second list of settings may exist.

use crate::tree::Node;

/// One setting or section.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) presence: Presence,
    /// One sentence; for a setting that is not built: what it would protect.
    pub(crate) doc: &'static str,
}

/// What a setting holds.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Any text; never empty.
    Text,
    /// An address and a port.
    Address,
    /// A path; a relative one is beside the file.
    Path,
    /// A length of time with its unit.
    Span,
    /// A whole number within limits.
    Integer { least: u64, most: u64 },
    /// `true` or `false`.
    Boolean,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words, or a list of them.
    Words(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A reference to a secret.
    Reference,
    /// A reference to a file and to nothing else.
    FileReference,
    /// A URL; what could hide a secret in it is never shown.
    Url,
    /// An amount of money as a decimal text.
    Amount,
    /// A share from 0 to 1, to the thousandth.
    Share,
    /// A name, or a list of names or such tables.
    NamesOrTables { fields: &'static [Field], most: usize },
    /// A day of the calendar.
    Day,
    /// A list of tables, each with these settings.
    Tables { fields: &'static [Field], most: usize },
    /// A table with these settings.
    Table(&'static [Field]),
    /// Tables by names that people choose, each with these settings.
    Named(&'static [Field]),
    /// Not in this version.
    Unbuilt,
    /// Not in this version, but for a value that asks for nothing.
    Inert(fn(&Node) -> bool),
}

/// What holds where a setting is absent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Presence {
    /// It must be there.
    Required,
    /// As if this were written.
    Default(&'static str),
    /// Nothing; the words say what that means.
    Absent(&'static str),
}

impl Field {
    /// A setting that must be there.
    pub(crate) const fn required(name: &'static str, kind: Kind, doc: &'static str) -> Field {
        Field { name, kind, presence: Presence::Required, doc }
    }

    /// A setting with a default, as it would be written in a variable.
    pub(crate) const fn default(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Field {
        Field { name, kind, presence: Presence::Default(default), doc }
    }

    /// A setting that may be absent; `meaning` is what that means.
    pub(crate) const fn absent(
        name: &'static str,
        kind: Kind,
        meaning: &'static str,
        doc: &'static str,
    ) -> Field {
        Field { name, kind, presence: Presence::Absent(meaning), doc }
    }

    /// A setting of the interface that this version does not have.
    pub(crate) const fn unbuilt(name: &'static str, protection: &'static str) -> Field {
        Field {
            name,
            kind: Kind::Unbuilt,
            presence: Presence::Absent("not in this version"),
            doc: protection,
        }
    }

    /// Is it in this version, so that manual and schema have it?
    pub(crate) fn is_built(&self) -> bool {
        !matches!(self.kind, Kind::Unbuilt | Kind::Inert(_))
    }

    /// The settings inside it, if it is a table or holds tables.
    pub(crate) fn inner(&self) -> &'static [Field] {
        if let Kind::Table(fields)
        | Kind::Named(fields)
        | Kind::Tables { fields, .. }
        | Kind::NamesOrTables { fields, .. } = self.kind
        {
            fields
        } else {
            &[]
        }
    }
}
