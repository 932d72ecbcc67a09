//! `languages` and `voices` of a model: how a request for speech, which names no model, finds it.
//!
//! It must never take a model for one that speaks because of a language alone.

use super::kind::Kind;
use crate::codes;
use crate::field::{Field, Kind as FieldKind};
use crate::kinds;
use crate::notes::Problem;
use crate::reader::{Invalid, Reader};
use crate::tree::{Node, Origin};

/// Longest name of a language or a voice, in bytes.
const MAX_NAME_BYTES: usize = 128;

pub(crate) const LANGUAGES: Field = Field::absent(
    "languages",
    FieldKind::Texts,
    "none",
    "speech: the languages that it speaks; a request names one of them and no model",
);
pub(super) const VOICES: Field = Field::absent(
    "voices",
    FieldKind::Texts,
    "any",
    "speech: only for requests that name one of these voices",
);

/// What a model speaks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Speech {
    /// The languages that it speaks, such as `en-US`; not empty for a model of kind speech.
    pub languages: Vec<String>,
    /// Only for requests that name one of these voices; empty: for any.
    pub voices: Vec<String>,
}

impl Speech {
    /// Is a request for this language and this voice one for it?
    pub fn serves(&self, language: &str, voice: Option<&str>) -> bool {
        let speaks = self.languages.iter().any(|own| own.eq_ignore_ascii_case(language));
        let has = |voice| self.voices.iter().any(|own| own == voice);
        speaks && (self.voices.is_empty() || voice.is_some_and(has))
    }

    /// Could one request be for both?
    pub(crate) fn overlaps(&self, other: &Speech) -> bool {
        let language = self
            .languages
            .iter()
            .any(|own| other.languages.iter().any(|o| o.eq_ignore_ascii_case(own)));
        // A model with voices goes before one without.
        let voice = (self.voices.is_empty() && other.voices.is_empty())
            || self.voices.iter().any(|own| other.voices.contains(own));
        language && voice
    }
}

/// Reads both lists; a model that speaks needs languages, of another one they say nothing.
pub(super) fn read(reader: &Reader<'_>, kinds: &[Kind]) -> Result<Speech, Invalid> {
    let languages = reader.maybe_list(&LANGUAGES, name);
    let voices = reader.maybe_list(&VOICES, name);
    let (languages, voices) = (languages?.unwrap_or_default(), voices?.unwrap_or_default());
    if kinds.contains(&Kind::Speech) && languages.is_empty() {
        let origin = reader.node(&LANGUAGES).map_or(Origin::Default, |node| node.origin.clone());
        let problem = Problem::new(codes::MISSING_KEY, "is missing: a request names no model")
            .help("name what it speaks, such as languages = [\"en-US\"]");
        return Err(reader.error(&LANGUAGES, &origin, problem));
    }
    Ok(Speech { languages, voices })
}

fn name(node: &Node) -> Result<String, Problem> {
    let text = kinds::text(node)?;
    if text.len() > MAX_NAME_BYTES || text.chars().any(char::is_control) {
        let message = format!("must be at most {MAX_NAME_BYTES} bytes without control characters");
        return Err(Problem::new(codes::BAD_VALUE, message));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speech(languages: &[&str], voices: &[&str]) -> Speech {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Speech { languages: owned(languages), voices: owned(voices) }
    }

    #[test]
    fn a_language_and_a_voice_find_their_model() {
        let any = speech(&["en-US", "fr-CA"], &[]);
        assert!(any.serves("en-us", None) && any.serves("fr-CA", Some("Ada")));
        assert!(!any.serves("de-DE", None));
        let ada = speech(&["en-US"], &["Ada"]);
        assert!(ada.serves("en-US", Some("Ada")));
        assert!(!ada.serves("en-US", Some("Bob")) && !ada.serves("en-US", None));
        assert!(!any.overlaps(&ada) && ada.overlaps(&ada) && any.overlaps(&any));
    }
}
