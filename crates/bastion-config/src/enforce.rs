//! `enforce`, wherever it stands: are refusals applied, or only counted and shown?

use bastion_types::Enforce;

use crate::field::{Field, Kind};
use crate::kinds;
use crate::reader::{Invalid, Reader};

const WORDS: [(&str, Enforce); 2] = [("on", Enforce::On), ("observe", Enforce::Observe)];

pub(crate) const ENFORCE: Field = Field::default(
    "enforce",
    Kind::Word(&["on", "observe"]),
    "on",
    "observe: refusals by surfaces, budgets and caps are decided, counted and shown, not applied",
);

/// Reads it.
pub(crate) fn read(reader: &Reader<'_>) -> Result<Enforce, Invalid> {
    reader.one(&ENFORCE, |node| kinds::word(&WORDS, node))
}
