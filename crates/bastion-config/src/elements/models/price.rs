//! `price` of a model or of one of its upstreams.
//!
//! It must never take a number: a price is a decimal text, so that no digit is lost. It must never
//! leave a row out that the model is counted by: what is free says "0".

use bastion_types::{Money, Price};

use super::kind::Kind;
use crate::field::{Field, Kind as FieldKind};
use crate::kinds;
use crate::reader::{Invalid, Reader};

const INPUT: Field = row("input", "said by what reads text", "a million tokens of the prompt");
const OUTPUT: Field = row("output", "said by what writes text", "a million tokens of the answer");
const CACHED_INPUT: Field = row(
    "cached_input",
    "as input",
    "a million tokens of the prompt that the upstream had in its cache",
);
const CACHE_WRITE: Field = row(
    "cache_write",
    "as input",
    "a million tokens of the prompt that the upstream put into its cache",
);
const REASONING: Field = row("reasoning", "as output", "a million tokens of thinking");
const CALL: Field = Field::default("call", FieldKind::Amount, "0", "each call, whatever it uses");
const IMAGE: Field = row("image", "said by kind image", "each image that is made");
const AUDIO_MINUTE: Field =
    row("audio_minute", "said by kind transcription", "a minute of a recording");
const MILLION_CHARACTERS: Field =
    row("million_characters", "said by kind speech", "a million characters that are spoken");

/// The parts of a price.
pub(crate) const FIELDS: &[Field] = &[
    INPUT,
    OUTPUT,
    CACHED_INPUT,
    CACHE_WRITE,
    REASONING,
    CALL,
    IMAGE,
    AUDIO_MINUTE,
    MILLION_CHARACTERS,
];

const fn row(name: &'static str, meaning: &'static str, doc: &'static str) -> Field {
    Field::absent(name, FieldKind::Amount, meaning, doc)
}

/// Reads the price under `field`, if there is one, for a model of these kinds.
pub(crate) fn read(
    reader: &Reader<'_>,
    field: &Field,
    kinds: &[Kind],
) -> Result<Option<Price>, Invalid> {
    reader.maybe_table(field)?.map(|reader| price(&reader, kinds)).transpose()
}

fn price(reader: &Reader<'_>, kinds_of: &[Kind]) -> Result<Price, Invalid> {
    let counted_by = |name| kinds_of.iter().flat_map(|kind| rows(*kind)).any(|row| *row == name);
    let row = |field: &Field| {
        if counted_by(field.name) {
            reader.one(field, kinds::amount).map(Some)
        } else {
            reader.maybe(field, kinds::amount)
        }
    };
    let (input, output, cached_input) = (row(&INPUT), row(&OUTPUT), row(&CACHED_INPUT));
    let (cache_write, reasoning) = (row(&CACHE_WRITE), row(&REASONING));
    let call = reader.one(&CALL, kinds::amount);
    let (image, audio_minute) = (row(&IMAGE), row(&AUDIO_MINUTE));
    let million_characters = row(&MILLION_CHARACTERS);
    let or_free = |row: Option<Money>| row.unwrap_or(Money::ZERO);
    let (input, output) = (or_free(input?), or_free(output?));
    Ok(Price {
        input_per_million: input,
        cached_input_per_million: cached_input?.unwrap_or(input),
        cache_write_per_million: cache_write?.unwrap_or(input),
        output_per_million: output,
        reasoning_per_million: reasoning?.unwrap_or(output),
        per_call: call?,
        per_image: or_free(image?),
        per_audio_minute: or_free(audio_minute?),
        characters_per_million: or_free(million_characters?),
    })
}

/// The rows that a kind is counted by.
const fn rows(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Chat | Kind::Completions | Kind::Responses => &[INPUT.name, OUTPUT.name],
        Kind::Embeddings => &[INPUT.name],
        Kind::Image => &[IMAGE.name],
        Kind::Transcription => &[AUDIO_MINUTE.name],
        Kind::Speech => &[MILLION_CHARACTERS.name],
    }
}
