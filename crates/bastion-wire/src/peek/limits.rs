//! How much text a request asks for: one limit under three spellings, and how many answers.
//!
//! It must never let a spelling lower the bound that the endpoint's upstream may not know.

use bastion_types::Refusal;

use super::slots::{Field, Slots};
use crate::ask::{GivenLimit, OutputLimits};

/// Most output tokens that anybody can mean.
const MAX_OUTPUT_LIMIT_TOKENS: u64 = 2_147_483_647;

/// Most choices of one prompt. Source: OpenAI's reference.
const MAX_CHOICES: u64 = 128;

/// The three spellings of one limit.
pub(super) const SPELLINGS: [Field; 3] =
    [Field::MaxTokens, Field::MaxCompletionTokens, Field::MaxOutputTokens];

/// The most output tokens of one answer. Only the endpoint's `own` spellings can set it; another
/// one is checked, and raises it, because an upstream may read it.
pub(super) fn output_limit(slots: &Slots<'_>, own: &[Field]) -> Result<Option<u64>, Refusal> {
    let (mut limit, mut other) = (None, None);
    for field in SPELLINGS {
        let count = slots.count(field, MAX_OUTPUT_LIMIT_TOKENS)?;
        let side = if own.contains(&field) { &mut limit } else { &mut other };
        *side = count.max(*side);
    }
    Ok(limit.map(|limit: u64| limit.max(other.unwrap_or_default())))
}

/// Where the limit stands under each of its spellings; what is wrong with them is told by
/// [`output_limit`].
pub(super) fn output_limits(slots: &Slots<'_>, own: &'static [Field]) -> OutputLimits {
    let given = SPELLINGS.into_iter().filter_map(|field| {
        let value = slots.get(field)?;
        let tokens = value.get().parse().ok()?;
        Some(GivenLimit { field: field.name(), tokens, place: slots.place(value) })
    });
    let null =
        own.iter().find_map(|field| slots.slot(*field).filter(|_| slots.get(*field).is_none()));
    OutputLimits {
        given: given.collect(),
        own: names(own),
        front: slots.behind_brace().start,
        null: null.map(|value| slots.place(value)),
    }
}

const CHAT: &[&str] = &["max_tokens", "max_completion_tokens"];
const COMPLETION: &[&str] = &["max_tokens"];
const RESPONSE: &[&str] = &["max_output_tokens"];

fn names(own: &[Field]) -> &'static [&'static str] {
    match own {
        [Field::MaxOutputTokens] => RESPONSE,
        [_] => COMPLETION,
        _ => CHAT,
    }
}

/// How many answers to each prompt.
pub(super) fn choices(slots: &Slots<'_>, fields: &[Field]) -> Result<u64, Refusal> {
    let mut most = 1;
    for field in fields {
        most = slots.count(*field, MAX_CHOICES)?.unwrap_or(1).max(most);
    }
    Ok(most)
}
