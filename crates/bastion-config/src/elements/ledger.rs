//! `[ledger]`: what becomes of money whose call nobody knows the end of.

use crate::field::{Field, Kind};
use crate::kinds;
use crate::reader::{Invalid, Reader};

/// What becomes of the holds of a process that died.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnknownOutcome {
    /// They are charged in full, and marked.
    #[default]
    Charge,
    /// They are given back, and marked.
    Release,
}

const WORDS: [(&str, UnknownOutcome); 2] =
    [("charge", UnknownOutcome::Charge), ("release", UnknownOutcome::Release)];

/// The section.
pub(crate) const SECTION: Field =
    Field::absent("ledger", Kind::Table(FIELDS), "its defaults", "the ledger of charges");

const UNKNOWN_OUTCOME: Field = Field::default(
    "unknown_outcome",
    Kind::Word(&["charge", "release"]),
    "charge",
    "the holds of a process that died are charged, or given back; both are marked",
);

const FIELDS: &[Field] = &[UNKNOWN_OUTCOME];

/// Reads the section.
pub(crate) fn read(reader: &Reader<'_>) -> Result<UnknownOutcome, Invalid> {
    reader.one(&UNKNOWN_OUTCOME, |node| kinds::word(&WORDS, node))
}
