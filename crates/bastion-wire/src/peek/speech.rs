//! Reads a request for speech: it names a language and a voice, and no model. Source: contract,
//! text to speech.
//!
//! It must never guess a language.

use bastion_types::Refusal;

use super::slots::{Field, Slots};
use crate::ask::{Ask, Named, State, Work};
use crate::media::Media;

const FIELDS: [Field; 5] =
    [Field::Text, Field::LanguageCode, Field::VoiceName, Field::User, Field::SafetyIdentifier];

/// Reads the body of a request for speech.
///
/// # Errors
/// 400 for what is not UTF-8, not JSON, nested too deep, of the wrong type, missing or there twice.
pub fn read_speech(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    let slots = Slots::read(body, &FIELDS)?;
    let text = slots.text(Field::Text)?;
    let characters = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    let language = slots.text(Field::LanguageCode)?;
    Ok(Ask {
        named: Named::Language { language, voice: slots.maybe_text(Field::VoiceName)? },
        stream: None,
        usage_wish: None,
        state: State::None,
        work: Work::Speech { characters },
        limits: None,
        prompt: Media::NONE.prompt(body.len(), 1),
        modifiers: Vec::new(),
        user: slots.user()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_not_bytes() {
        let body = "{\"text\":\"h\\u00e9é\",\"language_code\":\"fr-CA\",\"voice_name\":null}";
        let ask = read_speech(body.as_bytes()).unwrap();
        assert_eq!(ask.work, Work::Speech { characters: 3 });
        assert_eq!(ask.named, Named::Language { language: "fr-CA".into(), voice: None });
        for (body, param) in [
            (r#"{"language_code":"en-US"}"#, "text"),
            (r#"{"text":"a"}"#, "language_code"),
            (r#"{"text":"a","language_code":5}"#, "language_code"),
            (r#"{"text":"a","language_code":"en-US","voice_name":5}"#, "voice_name"),
        ] {
            assert_eq!(read_speech(body.as_bytes()).unwrap_err().param(), Some(param), "{body}");
        }
    }
}
