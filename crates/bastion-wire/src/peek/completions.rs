//! Reads a request for (legacy) completions. Source: contract, completions.
//!
//! It must never count a list of prompts as one.

use bastion_types::Refusal;

use super::limits::{choices, output_limits};
use super::modifiers::modifiers;
use super::prompts::prompts;
use super::slots::{Field, Slots};
use super::usage_wish::usage_wish;
use crate::ask::{Ask, State, Work};
use crate::dialect::Dialect;
use crate::media::Media;

const FIELDS: [Field; 8] = [
    Field::Model,
    Field::Prompt,
    Field::Stream,
    Field::StreamOptions,
    Field::N,
    Field::BestOf,
    Field::User,
    Field::SafetyIdentifier,
];

/// The spelling that engines read here.
const LIMITS: [Field; 1] = [Field::MaxTokens];

/// Reads the body of a request for completions.
///
/// # Errors
/// 400 for what is not UTF-8, not JSON, nested too deep, of the wrong type, missing or there twice.
pub fn read_completion(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    let slots = Slots::read(body, &FIELDS)?;
    let named = slots.model()?;
    let prompts = prompts(&slots, Field::Prompt)?;
    let stream = slots.flag(Field::Stream)?;
    let limits = output_limits(&slots, &LIMITS)?;
    let limit_tokens = limits.kept_by(Field::MaxTokens.name());
    // Of `best_of` answers all are made, and the best `n` are shown.
    let choices = choices(&slots, &[Field::N, Field::BestOf])?;
    Ok(Ask {
        named,
        stream: stream.then_some(Dialect::Completions),
        usage_wish: usage_wish(&slots)?.filter(|_| stream),
        state: State::None,
        work: Work::Text { limit_tokens, answers: choices.saturating_mul(prompts) },
        limits: Some(limits),
        prompt: Media::NONE.prompt(body.len(), prompts),
        modifiers: modifiers(&slots),
        user: slots.user()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_of_every_prompt_counts() {
        let work = |rest: &str| {
            let body = format!(r#"{{"model":"m",{rest}}}"#);
            read_completion(body.as_bytes()).map(|ask| ask.work).map_err(|refusal| refusal.param())
        };
        let text = |limit_tokens, answers| Ok(Work::Text { limit_tokens, answers });
        assert_eq!(work(r#""prompt":"a","max_tokens":7"#), text(Some(7), 1));
        assert_eq!(work(r#""prompt":["a","b"],"n":3"#), text(None, 6));
        assert_eq!(work(r#""prompt":["a","b"],"n":3,"best_of":5"#), text(None, 10));
        assert_eq!(work(r#""prompt":"a","max_completion_tokens":7"#), text(None, 1));
        assert_eq!(work(r#""prompt":"a","max_tokens":7,"max_output_tokens":9"#), text(Some(9), 1));
        assert_eq!(work(r#""prompt":"a","max_tokens":7,"n_predict":9"#), text(Some(9), 1));
        assert_eq!(work(r#""prompt":"a","max_tokens":7,"n_predict":-1"#), Err(Some("n_predict")));
        assert_eq!(work(r#""prompt":"a","best_of":10000"#), Err(Some("best_of")));
        assert_eq!(work(r#""n":1"#), Err(Some("prompt")));
        assert_eq!(work(r#""prompt":"a","prompt":"b""#), Err(Some("prompt")));
        assert_eq!(work(r#""prompt":"a","input":"b","input":"c""#), text(None, 1));
    }
}
