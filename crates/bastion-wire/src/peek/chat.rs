//! Reads a chat request. Source: contract, chat completions.
//!
//! It must never read a message's content.

use bastion_types::Refusal;

use super::limits::{choices, output_limits};
use super::modifiers::modifiers;
use super::slots::{Field, Slots, wrong_type};
use super::usage_wish::usage_wish;
use crate::ask::{Ask, State, Work};
use crate::dialect::Dialect;
use crate::media::Media;

const FIELDS: [Field; 9] = [
    Field::Model,
    Field::Messages,
    Field::Stream,
    Field::StreamOptions,
    Field::Store,
    Field::N,
    Field::BestOf,
    Field::User,
    Field::SafetyIdentifier,
];

/// The spellings that engines read here.
const LIMITS: [Field; 2] = [Field::MaxTokens, Field::MaxCompletionTokens];

/// Reads a chat request's body.
///
/// # Errors
/// 400 for what is not UTF-8, not JSON, nested too deep, of the wrong type, missing or there twice.
pub fn read_chat(body: &[u8]) -> Result<Ask<'_>, Refusal> {
    let slots = Slots::read(body, &FIELDS)?;
    let named = slots.model()?;
    if !slots.required(Field::Messages)?.get().starts_with('[') {
        return Err(wrong_type(Field::Messages, "a list"));
    }
    let user = slots.user()?;
    let stream = slots.flag(Field::Stream)?;
    let usage_wish = usage_wish(&slots)?.filter(|_| stream);
    let is_stored = slots.flag(Field::Store)?;
    let limits = output_limits(&slots, &LIMITS)?;
    let limit_tokens = limits.kept_by(Field::MaxTokens.name());
    let messages = slots.required(Field::Messages)?;
    let media = Media::read(messages.get());
    Ok(Ask {
        named,
        stream: stream.then_some(Dialect::Chat),
        usage_wish,
        state: if is_stored { State::AskedBy(Field::Store.name()) } else { State::None },
        // `best_of` is no field of a chat, but single engines make so many answers.
        work: Work::Text { limit_tokens, answers: choices(&slots, &[Field::N, Field::BestOf])? },
        limits: Some(limits),
        prompt: media.prompt(body.len(), 1),
        modifiers: modifiers(&slots),
        user,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ask::Named;

    fn refused(body: &[u8], expect: &str) {
        let refusal = read_chat(body).unwrap_err();
        assert_eq!(refusal.status(), 400);
        let message = refusal.message();
        assert!(message.contains(expect), "{message:?} should say {expect:?}");
    }

    #[test]
    fn only_what_policy_reads_is_read() {
        let body = br#" {"x":[1,{"model":"no"}],"model":"m\u0041","messages":[],"stream":true,
            "max_tokens":5,"max_completion_tokens":9,"n":2,"user":"u","store":null} "#;
        let ask = read_chat(body).unwrap();
        let Named::Model { name, place } = ask.named else { panic!("it names a model") };
        assert_eq!((name.as_ref(), &body[place]), ("mA", br#""m\u0041""#.as_slice()));
        assert_eq!((ask.stream, ask.state), (Some(Dialect::Chat), State::None));
        assert_eq!(ask.work, Work::Text { limit_tokens: Some(9), answers: 2 });
        assert_eq!(ask.user.as_deref(), Some("u"));
    }

    #[test]
    fn what_is_not_a_request_is_told_without_its_content() {
        refused(b"{\"model\":\"m\",\"mess", "ends in the middle");
        refused(b"{model}", "line 1, column 2");
        refused(b"[]", "must be a JSON object");
        refused(b"\"secret prompt\"", "must be a JSON object");
        refused(b"{} {}", "not valid JSON");
        refused(b"", "ends in the middle");
        refused(b"{\"model\":\"\xff\"}", "not UTF-8 at byte 10");
        refused(br#"{"messages":[]}"#, "'model' is missing");
        refused(br#"{"model":null,"messages":[]}"#, "'model' is missing");
        refused(br#"{"model":"m"}"#, "'messages' is missing");
        refused(br#"{"model":5,"messages":[]}"#, "'model' must be a string");
        refused(br#"{"model":"m","messages":{}}"#, "'messages' must be a list");
        refused(br#"{"model":"m","messages":[],"stream":"yes"}"#, "'stream' must be true or false");
    }

    #[test]
    fn a_key_that_policy_reads_may_stand_once() {
        refused(br#"{"model":"a","model":"b","messages":[]}"#, "'model' stands twice");
        refused(br#"{"model":"a","mod\u0065l":"b","messages":[]}"#, "'model' stands twice");
        // What folds the case of letters would read these in place of ours.
        for (key, told) in [
            ("Model", "write 'model'"),
            ("MAX_TOKENS", "write 'max_tokens'"),
            ("\\u017ftream", "write 'stream'"),
            ("N", "write 'n'"),
            ("Service_Tier", "write 'service_tier'"),
            ("to\u{6f}l\u{17f}", "write 'tools'"),
        ] {
            let body = format!(r#"{{"model":"a","messages":[],"{key}":1}}"#);
            refused(body.as_bytes(), told);
        }
        let others = r#"{"model":"a","messages":[],"Metadata":{"Model":1},"Input":1,"\u00c4":2}"#;
        assert!(read_chat(others.as_bytes()).is_ok(), "a chat's policy reads none of them");
        refused(br#"{"model":"a","messages":[],"stream":false,"stream":true}"#, "'stream' stands");
        let passes = br#"{"model":"a","messages":[],"x":1,"x":2}"#;
        assert!(read_chat(passes).is_ok(), "what policy does not read passes as it came");
    }

    #[test]
    fn an_output_limit_is_a_positive_whole_number() {
        for wrong in ["-1", "0", "9223372036854775808", "\"12\"", "1.5", "1e3", "[]"] {
            let body = format!(r#"{{"model":"a","messages":[],"max_tokens":{wrong}}}"#);
            refused(body.as_bytes(), "'max_tokens' must be a whole number");
        }
        refused(br#"{"model":"a","messages":[],"n":10000}"#, "'n' must be a whole number");
    }

    #[test]
    fn only_a_spelling_that_is_kept_lowers_the_bound() {
        let kept = |rest: &str, by: &str| {
            let body = format!(r#"{{"model":"a","messages":[]{rest}}}"#);
            let ask = read_chat(body.as_bytes()).unwrap();
            ask.limits.unwrap().kept_by(by)
        };
        let check = |rest: &str, usual: Option<u64>, completion: Option<u64>| {
            assert_eq!(kept(rest, "max_tokens"), usual, "{rest}");
            assert_eq!(kept(rest, "max_completion_tokens"), completion, "{rest}");
        };
        check("", None, None);
        check(r#","max_tokens":5"#, Some(5), Some(5));
        check(r#","max_completion_tokens":5"#, None, Some(5));
        check(r#","max_output_tokens":5"#, None, None);
        check(r#","max_tokens":5,"max_completion_tokens":7"#, Some(7), Some(7));
        check(r#","max_tokens":7,"max_completion_tokens":5"#, Some(7), Some(7));
        for engines in ["n_predict", "num_predict", "max_new_tokens", "max_length"] {
            check(&format!(r#","{engines}":9"#), None, None);
            check(&format!(r#","max_tokens":5,"{engines}":9"#), Some(9), Some(9));
            check(&format!(r#","max_tokens":5,"{engines}":null"#), Some(5), Some(5));
            for endless in ["-1", "0", "1e9"] {
                let body = format!(r#"{{"model":"a","messages":[],"{engines}":{endless}}}"#);
                refused(body.as_bytes(), &format!("'{engines}' must be a whole number from 1"));
            }
        }
        assert_eq!(kept(r#","max_completion_tokens":5"#, "max_output_tokens"), None);
    }

    #[test]
    fn nesting_is_bounded() {
        let deep =
            format!(r#"{{"model":"a","messages":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        refused(deep.as_bytes(), "nests deeper than 128");
    }

    /// The body with what its ask wishes for.
    fn wished(body: &str) -> Option<String> {
        let wish = read_chat(body.as_bytes()).unwrap().usage_wish?;
        let (before, after) = (&body[..wish.place.start], &body[wish.place.end..]);
        Some(format!("{before}{}{after}", wish.with))
    }

    #[test]
    fn usage_is_asked_for_where_the_caller_does_not() {
        let body =
            |options: &str| format!(r#" {{"model":"m","messages":[],"stream":true{options}}}"#);
        let asked =
            r#" {"stream_options":{"include_usage":true},"model":"m","messages":[],"stream":true}"#;
        assert_eq!(wished(&body("")).unwrap(), asked);
        for (given, expect) in [
            (r#","stream_options":null"#, r#","stream_options":{"include_usage":true}"#),
            (r#","stream_options":{ }"#, r#","stream_options":{"include_usage":true }"#),
            (r#","stream_options":{"x":1}"#, r#","stream_options":{"include_usage":true,"x":1}"#),
            (
                r#","stream_options":{"include_usage": false}"#,
                r#","stream_options":{"include_usage": true}"#,
            ),
            (
                r#","stream_options":{"include_usage":null}"#,
                r#","stream_options":{"include_usage":true}"#,
            ),
        ] {
            assert_eq!(wished(&body(given)).unwrap(), body(expect), "{given}");
            assert_eq!(wished(&body(expect)), None, "{expect}");
        }
        assert_eq!(wished(r#"{"model":"m","messages":[]}"#), None, "no stream, no option");
        let twice = body(r#","stream_options":{"include_usage":true,"include_usage":false}"#);
        refused(twice.as_bytes(), "once");
        refused(body(r#","stream_options":[]"#).as_bytes(), "'stream_options' must be an object");
        refused(body(r#","stream_options":{"include_usage":1}"#).as_bytes(), "a boolean");
    }
}
