//! `[balance]`: does a prepaid balance stop calls?

use crate::field::{Field, Kind};
use crate::kinds;
use crate::reader::{Invalid, Reader};

/// When an empty balance is 402 `insufficient_funds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prepaid {
    /// From the first top-up on.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never: the balance is only watched.
    Never,
}

const WORDS: [(&str, Prepaid); 3] =
    [("auto", Prepaid::Auto), ("true", Prepaid::Always), ("false", Prepaid::Never)];

/// The section.
pub(crate) const SECTION: Field =
    Field::absent("balance", Kind::Table(FIELDS), "its defaults", "the prepaid balance");

const PREPAID: Field = Field::default(
    "prepaid",
    Kind::Word(&["auto", "true", "false"]),
    "auto",
    "\"auto\": an empty balance refuses from the first top-up on; \"true\": always; \"false\": never",
);

const FIELDS: &[Field] = &[PREPAID];

/// Reads the section.
pub(crate) fn read(reader: &Reader<'_>) -> Result<Prepaid, Invalid> {
    let read = |node: &_| match kinds::boolean(node) {
        Ok(true) => Ok(Prepaid::Always),
        Ok(false) => Ok(Prepaid::Never),
        Err(_) => kinds::word(&WORDS, node),
    };
    reader.one(&PREPAID, read)
}
