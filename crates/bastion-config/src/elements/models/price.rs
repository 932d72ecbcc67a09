//! `price` of a model or of one of its upstreams.
//!
//! It must never take a number: a price is a decimal text, so that no digit is lost.

use bastion_types::{Money, Price};

use crate::field::{Field, Kind};
use crate::kinds;
use crate::reader::{Invalid, Reader};

const INPUT: Field = Field::required("input", Kind::Amount, "a million tokens of the prompt");
const OUTPUT: Field = Field::required("output", Kind::Amount, "a million tokens of the answer");
const CACHED_INPUT: Field = Field::absent(
    "cached_input",
    Kind::Amount,
    "as input",
    "a million tokens of the prompt that the upstream had in its cache",
);
const REASONING: Field =
    Field::absent("reasoning", Kind::Amount, "as output", "a million tokens of thinking");
const CALL: Field = Field::default("call", Kind::Amount, "0", "each call, whatever it uses");

/// The parts of a price.
pub(crate) const FIELDS: &[Field] = &[
    INPUT,
    OUTPUT,
    CACHED_INPUT,
    REASONING,
    CALL,
    Field::unbuilt("cache_write", "charging for cache writes"),
    Field::unbuilt("image", "charging for images"),
    Field::unbuilt("audio_minute", "charging for audio"),
    Field::unbuilt("million_characters", "charging for speech"),
];

/// Reads the price under `field`, if there is one.
pub(crate) fn read(reader: &Reader<'_>, field: &Field) -> Result<Option<Price>, Invalid> {
    reader.maybe_table(field)?.map(|reader| price(&reader)).transpose()
}

fn price(reader: &Reader<'_>) -> Result<Price, Invalid> {
    let input: Result<Money, Invalid> = reader.one(&INPUT, kinds::amount);
    let output = reader.one(&OUTPUT, kinds::amount);
    let cached_input = reader.maybe(&CACHED_INPUT, kinds::amount);
    let reasoning = reader.maybe(&REASONING, kinds::amount);
    let call = reader.one(&CALL, kinds::amount);
    let (input, output) = (input?, output?);
    Ok(Price {
        input_per_million: input,
        cached_input_per_million: cached_input?.unwrap_or(input),
        output_per_million: output,
        reasoning_per_million: reasoning?.unwrap_or(output),
        per_call: call?,
    })
}
