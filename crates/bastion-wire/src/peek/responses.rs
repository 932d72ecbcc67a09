//! Reads a request for a response. Source: contract, responses.
//!
//! It must never let the upstream's own default keep a call. Box `privacy.store-false`.

use bastion_types::Refusal;

use super::limits::output_limits;
use super::modifiers::modifiers;
use super::slots::{Field, Slots, wrong_type};
use crate::ask::{Ask, Splice, State, Work};
use crate::dialect::Dialect;
use crate::media::Media;

const FIELDS: [Field; 10] = [
    Field::Model,
    Field::Input,
    Field::Prompt,
    Field::Stream,
    Field::Store,
    Field::PreviousResponseId,
    Field::Conversation,
    Field::Background,
    Field::User,
    Field::SafetyIdentifier,
];

/// The spelling that engines read here.
const LIMITS: [Field; 1] = [Field::MaxOutputTokens];

/// Reads the body of a request for a response.
///
/// # Errors
/// 400 for what is not UTF-8, not JSON, nested too deep, of the wrong type, missing or there twice.
pub fn read_responses(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    let slots = Slots::read(body, &FIELDS)?;
    let named = slots.model()?;
    let input = slots.required(Field::Input)?;
    if !input.get().starts_with(['"', '[']) {
        return Err(wrong_type(Field::Input, "a string or a list"));
    }
    let limits = output_limits(&slots, &LIMITS)?;
    let limit_tokens = limits.kept_by(Field::MaxOutputTokens.name());
    Ok(Ask {
        named,
        stream: slots.flag(Field::Stream)?.then_some(Dialect::Responses),
        // A response's last event carries its usage, asked for or not.
        usage_wish: None,
        state: state(&slots)?,
        work: Work::Text { limit_tokens, answers: 1 },
        limits: Some(limits),
        prompt: Media::read_items(input.get()).prompt(body.len(), 1),
        modifiers: modifiers(&slots),
        user: slots.user()?,
    })
}

fn state(slots: &Slots<'_>) -> Result<State, Refusal> {
    let is_stored = slots.flag(Field::Store)?;
    let is_background = slots.flag(Field::Background)?;
    // What stands behind a stored prompt is not seen here: its text, its limits, its tools.
    for field in [Field::PreviousResponseId, Field::Conversation, Field::Prompt] {
        if slots.get(field).is_some() {
            return Ok(State::AskedBy(field.name()));
        }
    }
    if is_background {
        return Ok(State::AskedBy(Field::Background.name()));
    }
    if is_stored {
        return Ok(State::AskedBy(Field::Store.name()));
    }
    // What says nothing is stored by default.
    Ok(match slots.slot(Field::Store) {
        None => State::NoneWith(Splice { place: slots.behind_brace(), with: r#""store":false,"# }),
        Some(null) if null.get() == "null" => {
            State::NoneWith(Splice { place: slots.place(null), with: "false" })
        }
        Some(_) => State::None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rest: &str) -> Result<(State, Work), Option<&'static str>> {
        let body = format!(r#"{{"model":"m","input":"a"{rest}}}"#);
        let ask = read_responses(body.as_bytes()).map_err(|refusal| refusal.param())?;
        Ok((ask.state, ask.work))
    }

    fn state(rest: &str) -> State {
        read(rest).unwrap().0
    }

    #[test]
    fn nothing_is_stored_unless_it_is_asked_for_and_that_is_told() {
        let body = r#" {"model":"m","input":[]}"#;
        let ask = read_responses(body.as_bytes()).unwrap();
        assert_eq!(ask.state, State::NoneWith(Splice { place: 2..2, with: r#""store":false,"# }));
        let null = State::NoneWith(Splice { place: 33..37, with: "false" });
        assert_eq!(state(r#","store":null"#), null);
        assert_eq!(state(r#","store":false,"previous_response_id":null"#), State::None);
        for (rest, field) in [
            (r#","store":true"#, "store"),
            (r#","previous_response_id":"resp_1""#, "previous_response_id"),
            (r#","store":false,"conversation":{"id":"c"}"#, "conversation"),
            (r#","background":true"#, "background"),
            (r#","store":false,"prompt":{"id":"pmpt_1"}"#, "prompt"),
        ] {
            assert_eq!(state(rest), State::AskedBy(field), "{rest}");
        }
        assert_eq!(state(r#","store":false,"prompt":null"#), State::None);
        assert_eq!(read(r#","store":"no""#), Err(Some("store")));
        assert_eq!(read(r#","store":false,"store":true"#), Err(Some("store")));
        assert_eq!(read(r#","background":1"#), Err(Some("background")));
    }

    #[test]
    fn its_own_spelling_of_the_limit_counts() {
        let limit = |rest: &str| read(rest).map(|(_, work)| work);
        let text = |limit_tokens| Ok(Work::Text { limit_tokens, answers: 1 });
        assert_eq!(limit(r#","max_output_tokens":5"#), text(Some(5)));
        assert_eq!(limit(r#","max_tokens":5"#), text(None));
        assert_eq!(limit(r#","max_tokens":-1"#), Err(Some("max_tokens")));
    }

    #[test]
    fn only_the_context_bounds_what_an_item_refers_to() {
        let others = |input: &str| {
            let body = format!(r#"{{"model":"m","input":{input}}}"#);
            read_responses(body.as_bytes()).unwrap().prompt.other_media
        };
        assert_eq!(others(r#"[{"role":"user","content":"a"}]"#), 0);
        assert_eq!(others(r#"[{"type":"item_reference","id":"rs_1"}]"#), 1);
        assert_eq!(others(r#"[{"type":"item_reference","id":"rs_1"}]"#), 1);
    }

    #[test]
    fn an_input_is_a_text_or_items() {
        for body in
            [r#"{"model":"m"}"#, r#"{"model":"m","input":5}"#, r#"{"model":"m","input":{}}"#]
        {
            assert_eq!(read_responses(body.as_bytes()).unwrap_err().param(), Some("input"));
        }
    }
}
