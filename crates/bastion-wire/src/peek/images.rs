//! Reads a request for images. Source: contract, images.
//!
//! It must never let a number of images through that nobody can have meant.

use bastion_types::Refusal;

use super::modifiers::modifiers;
use super::slots::{Field, Slots};
use crate::ask::{Ask, State, Work};
use crate::media::Media;

/// Most images of one call. Source: OpenAI's reference.
const MAX_IMAGES: u64 = 10;

const FIELDS: [Field; 6] =
    [Field::Model, Field::Prompt, Field::N, Field::Stream, Field::User, Field::SafetyIdentifier];

/// Reads the body of a request for images.
///
/// # Errors
/// 400 for what is not UTF-8, not JSON, nested too deep, of the wrong type, missing or there twice;
/// and for a stream, which the contract does not know here.
pub fn read_images(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    let slots = Slots::read(body, &FIELDS)?;
    slots.text(Field::Prompt)?;
    if slots.flag(Field::Stream)? {
        let message = "'stream' is not in this version for images; leave it out";
        return Err(Refusal::invalid_field(Field::Stream.name(), message));
    }
    Ok(Ask {
        named: slots.model()?,
        stream: None,
        usage_wish: None,
        state: State::None,
        work: Work::Images { count: slots.count(Field::N, MAX_IMAGES)?.unwrap_or(1) },
        limits: None,
        prompt: Media::NONE.prompt(body.len(), 1),
        modifiers: modifiers(&slots),
        user: slots.user()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_image_unless_more_are_asked_for() {
        let work = |rest: &str| {
            let body = format!(r#"{{"model":"m","prompt":"a"{rest}}}"#);
            read_images(body.as_bytes()).map(|ask| ask.work).map_err(|refusal| refusal.param())
        };
        assert_eq!(work(""), Ok(Work::Images { count: 1 }));
        assert_eq!(work(r#","n":null"#), Ok(Work::Images { count: 1 }));
        assert_eq!(work(r#","n":10"#), Ok(Work::Images { count: 10 }));
        for wrong in ["11", "10000", "0", "-1", "\"2\""] {
            assert_eq!(work(&format!(r#","n":{wrong}"#)), Err(Some("n")), "{wrong}");
        }
        assert_eq!(work(r#","stream":true"#), Err(Some("stream")));
    }
}
