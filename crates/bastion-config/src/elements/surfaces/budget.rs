//! `max_tokens` of a surface: how long an answer may be, thinking included.
//!
//! It must never let a default stand above its own ceiling.

use crate::codes;
use crate::field::{Field, Kind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};

/// How long an answer may be, in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenBudget {
    /// What a call gets that names no limit; none: nothing is put in.
    pub default: Option<u64>,
    /// The most that a call may name; none: as the model's.
    pub ceiling: Option<u64>,
    /// What becomes of a call that names more.
    pub above: AboveCeiling,
}

/// What becomes of a call whose limit is above the ceiling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AboveCeiling {
    /// It is refused.
    #[default]
    Refuse,
    /// The ceiling is written into it.
    Clamp,
}

const TOKENS: Kind = Kind::Integer { least: 1, most: 1_000_000_000 };
const WORDS: [(&str, AboveCeiling); 2] =
    [("refuse", AboveCeiling::Refuse), ("clamp", AboveCeiling::Clamp)];

const DEFAULT: Field = Field::absent(
    "default",
    TOKENS,
    "nothing is put in",
    "the limit that a call gets which names none; not above ceiling",
);
const CEILING: Field =
    Field::absent("ceiling", TOKENS, "as the model's", "the most that a call may name");
const ABOVE: Field = Field::default(
    "above",
    Kind::Word(&["refuse", "clamp"]),
    "refuse",
    "a call that names more is refused, or gets the ceiling",
);

/// Its parts.
pub(super) const FIELDS: &[Field] = &[DEFAULT, CEILING, ABOVE];

/// Reads it.
pub(super) fn read(reader: &Reader<'_>) -> Result<TokenBudget, Invalid> {
    let default = reader.maybe(&DEFAULT, kinds::integer(&DEFAULT));
    let ceiling = reader.maybe(&CEILING, kinds::integer(&CEILING));
    let above = reader.one(&ABOVE, |node| kinds::word(&WORDS, node));
    let budget = TokenBudget { default: default?, ceiling: ceiling?, above: above? };
    match (budget.default, budget.ceiling, reader.node(&DEFAULT)) {
        (Some(default), Some(ceiling), Some(node)) if default > ceiling => {
            let message = format!("must be at most ceiling ({ceiling}), not {default}");
            let problem = Problem::new(codes::OUT_OF_RANGE, message);
            Err(reader.error(&DEFAULT, &node.origin, problem))
        }
        _ => Ok(budget),
    }
}
