//! Reads a request for embeddings. Source: contract, embeddings.
//!
//! It must never count its tokens: the upstream does.

use bastion_types::Refusal;

use super::modifiers::modifiers;
use super::prompts::prompts;
use super::slots::{Field, Slots};
use crate::ask::{Ask, State, Work};
use crate::media::Media;

const FIELDS: [Field; 4] = [Field::Model, Field::Input, Field::User, Field::SafetyIdentifier];

/// Reads the body of a request for embeddings.
///
/// # Errors
/// 400 for what is not UTF-8, not JSON, nested too deep, of the wrong type, missing or there twice.
pub fn read_embeddings(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    let slots = Slots::read(body, &FIELDS)?;
    let prompts = prompts(&slots, Field::Input)?;
    Ok(Ask {
        named: slots.model()?,
        stream: None,
        usage_wish: None,
        state: State::None,
        work: Work::Vectors,
        limits: None,
        prompt: Media::NONE.prompt(body.len(), prompts),
        modifiers: modifiers(&slots),
        user: slots.user()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_input_has_one_of_four_forms() {
        for input in [r#""a""#, r#"["a","b"]"#, "[1,2]", "[[1],[2]]"] {
            let body = format!(r#"{{"model":"m","input":{input},"encoding_format":"base64"}}"#);
            assert_eq!(read_embeddings(body.as_bytes()).unwrap().work, Work::Vectors);
        }
        for body in [r#"{"model":"m"}"#, r#"{"model":"m","input":{}}"#, r#"{"input":"a"}"#] {
            assert_eq!(read_embeddings(body.as_bytes()).unwrap_err().status(), 400, "{body}");
        }
    }
}
