//! How much text a request asks for: one limit under three spellings, and how many answers.
//!
//! It must never let a spelling lower the bound that the endpoint's upstream may not know.

use bastion_types::Refusal;

use super::slots::{Field, Slots};

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

/// How many answers to each prompt.
pub(super) fn choices(slots: &Slots<'_>, fields: &[Field]) -> Result<u64, Refusal> {
    let mut most = 1;
    for field in fields {
        most = slots.count(*field, MAX_CHOICES)?.unwrap_or(1).max(most);
    }
    Ok(most)
}
