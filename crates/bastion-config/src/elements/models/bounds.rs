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
    /// The fewest bytes that a second of a recording takes; default 1000.
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
pub(super) const MIN_AUDIO_BYTES_PER_S: Field = Field::default(
    "min_audio_bytes_per_s",
    Kind::Integer { least: 1, most: 1_000_000 },
    "1000",
    "the fewest bytes that a second of a recording takes; they bound its length",
);

/// Reads them.
pub(super) fn read(reader: &Reader<'_>) -> Result<Bounds, Invalid> {
    let image = reader.maybe(&IMAGE_INPUT_TOKENS, kinds::integer(&IMAGE_INPUT_TOKENS));
    let template = reader.one(&TEMPLATE_TOKENS, kinds::integer(&TEMPLATE_TOKENS));
    let audio = reader.one(&MIN_AUDIO_BYTES_PER_S, kinds::integer(&MIN_AUDIO_BYTES_PER_S));
    Ok(Bounds {
        image_input_tokens: image?,
        template_tokens: template?,
        min_audio_bytes_per_s: audio?,
    })
}
