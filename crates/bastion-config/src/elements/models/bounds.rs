//! What bounds the cost of a call beside its bytes: templates, images, recordings.
//!
//! It must never be below what the engine really adds: a cap stands on it.

use crate::field::{Field, Kind};
use crate::kinds;
use crate::reader::{Invalid, Reader};

/// What bounds a call's cost beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The most tokens that one image of a prompt can cost; none: the context bounds it.
    pub image_input_tokens: Option<u64>,
    /// Tokens that the engine adds around a prompt; default 64.
    pub template_tokens: u64,
    /// The most tokens that the tokenizer makes of a byte of text; default 1.
    pub tokens_per_byte: u64,
    /// The fewest bytes that a second of a recording takes; default 500.
    pub min_audio_bytes_per_s: u64,
}

pub(super) const IMAGE_INPUT_TOKENS: Field = Field::absent(
    "image_input_tokens",
    Kind::Integer { least: 1, most: 1_000_000_000 },
    "bounded by context_tokens",
    "the most tokens that one image of a prompt can cost",
);
pub(super) const TEMPLATE_TOKENS: Field = Field::default(
    "template_tokens",
    Kind::Integer { least: 0, most: 1_000_000 },
    "64",
    "tokens that the engine adds around a prompt",
);
pub(super) const TOKENS_PER_BYTE: Field = Field::default(
    "tokens_per_byte",
    Kind::Integer { least: 1, most: 16 },
    "1",
    "the most tokens of a byte of text; above 1 where the tokenizer normalizes first (NFC 3, NFKC 11)",
);
pub(super) const MIN_AUDIO_BYTES_PER_S: Field = Field::default(
    "min_audio_bytes_per_s",
    Kind::Integer { least: 1, most: 1_000_000 },
    "500",
    "the fewest bytes that a second of a recording takes; they bound its length",
);

/// Reads them.
pub(super) fn read(reader: &Reader<'_>) -> Result<Bounds, Invalid> {
    let image = reader.maybe(&IMAGE_INPUT_TOKENS, kinds::integer(&IMAGE_INPUT_TOKENS));
    let template = reader.one(&TEMPLATE_TOKENS, kinds::integer(&TEMPLATE_TOKENS));
    let text = reader.one(&TOKENS_PER_BYTE, kinds::integer(&TOKENS_PER_BYTE));
    let audio = reader.one(&MIN_AUDIO_BYTES_PER_S, kinds::integer(&MIN_AUDIO_BYTES_PER_S));
    Ok(Bounds {
        image_input_tokens: image?,
        template_tokens: template?,
        tokens_per_byte: text?,
        min_audio_bytes_per_s: audio?,
    })
}
