//! How a model's upstreams keep to the limit that a request names.
//!
//! It must never be believed further than it is said: a cap stands on it.

use crate::field::{Field, Kind};
use crate::kinds;
use crate::reader::{Invalid, Reader};

/// How upstreams keep to the limit of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The field by which the upstream limits a chat's answer: `max_tokens`, as default, or
    /// `max_completion_tokens`. A budget is put in by it, and a call that is limited only by
    /// `max_completion_tokens` has its limit believed only where that is it.
    pub field: &'static str,
    /// Is thinking part of what it limits? Default true.
    pub has_thinking: bool,
}

pub(super) const LIMIT_FIELD: Field = Field::default(
    "limit_field",
    Kind::Word(&["max_tokens", "max_completion_tokens"]),
    "max_tokens",
    "by which field the upstream limits a chat: budgets are put in by it, holds believe it",
);
const LIMIT_FIELDS: [(&str, &str); 2] =
    [("max_tokens", "max_tokens"), ("max_completion_tokens", "max_completion_tokens")];
pub(super) const LIMITS_THINKING: Field = Field::default(
    "limits_thinking",
    Kind::Boolean,
    "true",
    "false: a request's limit is for the answer alone, and a model that thinks is bounded by its most",
);

/// Reads it.
pub(super) fn read(reader: &Reader<'_>) -> Result<Limit, Invalid> {
    let field = reader.one(&LIMIT_FIELD, |node| kinds::word(&LIMIT_FIELDS, node));
    let has_thinking = reader.one(&LIMITS_THINKING, kinds::boolean);
    Ok(Limit { field: field?, has_thinking: has_thinking? })
}
