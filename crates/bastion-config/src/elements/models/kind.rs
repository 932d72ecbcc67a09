//! `kind` of a model: what it can be asked. Source: contract, Endpoints.
//!
//! It must never name a kind without an endpoint.

use crate::codes;
use crate::field::{Field, Kind as FieldKind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::tree::Origin;

/// What a model can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Chat completions.
    Chat,
    /// Completions of a prompt, without messages.
    Completions,
    /// Responses.
    Responses,
    /// Embeddings.
    Embeddings,
    /// Images.
    Image,
    /// Recorded speech as text.
    Transcription,
    /// Text as speech.
    Speech,
}

const NAMES: [(&str, Kind); 7] = [
    ("chat", Kind::Chat),
    ("completions", Kind::Completions),
    ("responses", Kind::Responses),
    ("embeddings", Kind::Embeddings),
    ("image", Kind::Image),
    ("transcription", Kind::Transcription),
    ("speech", Kind::Speech),
];

pub(super) const KIND: Field = Field::default(
    "kind",
    FieldKind::Words(&[
        "chat",
        "completions",
        "responses",
        "embeddings",
        "image",
        "transcription",
        "speech",
    ]),
    "chat",
    "what it can be asked: one of these, or a list of them",
);

/// Reads the kinds of a model, each once.
pub(super) fn read(reader: &Reader<'_>) -> Result<Vec<Kind>, Invalid> {
    let kinds = reader.maybe_list(&KIND, |node| kinds::word(&NAMES, node))?;
    let mut kinds = kinds.unwrap_or_default();
    kinds.sort();
    kinds.dedup();
    if kinds.is_empty() {
        let origin = reader.node(&KIND).map_or(Origin::Default, |node| node.origin.clone());
        let problem = Problem::new(codes::BAD_VALUE, "says nothing").help("such as \"chat\"");
        return Err(reader.error(&KIND, &origin, problem));
    }
    Ok(kinds)
}
