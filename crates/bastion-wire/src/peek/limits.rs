//! How much text a request asks for: one limit under its spellings, and how many answers.
//!
//! It must never let a spelling lower the bound that the endpoint's upstream may not know.

use bastion_types::Refusal;

use super::slots::{Field, SPELLINGS, Slots};
use crate::ask::{GivenLimit, OutputLimits};

/// Most output tokens that anybody can mean.
const MAX_OUTPUT_LIMIT_TOKENS: u64 = 2_147_483_647;

/// Most choices of one prompt. Source: OpenAI's reference.
const MAX_CHOICES: u64 = 128;

/// Where the limit stands under each of its spellings; the endpoint's upstreams go by its `own`.
///
/// # Errors
/// 400 for what is no count of tokens, under any of the spellings.
pub(super) fn output_limits(
    slots: &Slots<'_>,
    own: &'static [Field],
) -> Result<OutputLimits, Refusal> {
    let mut given = Vec::new();
    for field in SPELLINGS {
        let Some(tokens) = slots.count(field, MAX_OUTPUT_LIMIT_TOKENS)? else { continue };
        let place = slots.get(field).map(|value| slots.place(value)).unwrap_or_default();
        given.push(GivenLimit { field: field.name(), tokens, place });
    }
    let nulls = own.iter().filter(|field| slots.get(**field).is_none());
    let nulls = nulls.filter_map(|field| Some((field.name(), slots.place(slots.slot(*field)?))));
    Ok(OutputLimits {
        given,
        own: names(own),
        front: slots.behind_brace().start,
        nulls: nulls.collect(),
    })
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
