//! Reads what an answer says of its usage.
//!
//! It must never believe what cannot be: a count that is absurd is no report, and an estimate
//! takes its place.

use std::time::Duration;

use bastion_types::{Money, Usage};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::judge_body::{is_error_answer, is_json_object};
use crate::stated::Stated;

/// More tokens than any model's context: a report beyond it is absurd.
const MAX_REPORTED_TOKENS: u64 = 1_000_000_000;

/// Longer than any recording that fits into a request: a report beyond it is absurd.
const MAX_REPORTED_AUDIO: Duration = Duration::from_hours(1000);

/// What a whole answer counts what it used in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    /// Tokens, in `usage`.
    Tokens,
    /// Images: the entries of `data`.
    Images,
    /// A recording's length, in `usage` or as `duration`.
    Transcript,
}

/// What a whole answer is, read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerKind {
    /// No JSON object.
    Nonsense,
    /// An object that holds an error at its top.
    Error,
    /// An answer, with its usage if it reports one that can be believed.
    Good(Option<Usage>),
}

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    error: Option<IgnoredAny>,
    #[serde(default)]
    usage: Option<Reported>,
}

#[derive(Deserialize)]
struct Images {
    data: Vec<IgnoredAny>,
    #[serde(default)]
    usage: Option<Reported>,
}

#[derive(Deserialize)]
struct Transcript {
    #[serde(default)]
    duration: Option<f64>,
    #[serde(default)]
    usage: Option<Reported>,
}

/// Chat and its kin say prompt and completion, responses say input and output.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Reported {
    prompt_tokens: Option<u64>,
    input_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    output_tokens: Option<u64>,
    total_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
    prompt_tokens_details: Option<InputDetails>,
    input_tokens_details: Option<InputDetails>,
    completion_tokens_details: Option<OutputDetails>,
    output_tokens_details: Option<OutputDetails>,
    cache_creation_input_tokens: Option<u64>,
    seconds: Option<f64>,
    cost: Option<Stated>,
    total_cost: Option<Stated>,
    estimated_cost: Option<Stated>,
}

/// What is written into a cache has three names in the field, and none in OpenAI's reference.
#[derive(Deserialize, Default)]
#[serde(default)]
struct InputDetails {
    #[serde(rename = "cached_tokens")]
    cached: Option<u64>,
    #[serde(rename = "cache_write_tokens")]
    written: Option<u64>,
    #[serde(rename = "cache_creation_tokens")]
    created: Option<u64>,
}

#[derive(Deserialize, Default)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

/// Reads what a whole answer is.
pub fn read_answer(body: &[u8], form: AnswerForm) -> AnswerKind {
    let begins = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    match serde_json::from_slice::<Whole>(body) {
        Ok(_) if !begins => AnswerKind::Nonsense,
        Ok(Whole { error: Some(_), .. }) => AnswerKind::Error,
        Ok(Whole { error: None, usage }) => AnswerKind::Good(match form {
            AnswerForm::Tokens => usage.as_ref().and_then(believed),
            AnswerForm::Images => images(body),
            AnswerForm::Transcript => transcript(body),
        }),
        // A usage of another shape is no reason to refuse an answer.
        Err(_) if !is_json_object(body) => AnswerKind::Nonsense,
        Err(_) if is_error_answer(body) => AnswerKind::Error,
        Err(_) => AnswerKind::Good(None),
    }
}

/// The usage of an answer; none when it reports none that can be believed.
pub(crate) fn answer_usage(body: &[u8]) -> Option<Usage> {
    let answer: Whole = serde_json::from_slice(body).ok()?;
    believed(&answer.usage?)
}

fn images(body: &[u8]) -> Option<Usage> {
    let Images { data, usage } = serde_json::from_slice(body).ok()?;
    let tokens = usage.as_ref().and_then(believed).unwrap_or_default();
    let images = u64::try_from(data.len()).ok()?;
    Some(Usage { images, ..tokens })
}

fn transcript(body: &[u8]) -> Option<Usage> {
    let Transcript { duration, usage } = serde_json::from_slice(body).ok()?;
    let tokens = usage.as_ref().and_then(believed);
    let seconds = usage.and_then(|usage| usage.seconds).or(duration);
    let audio_ms = seconds.and_then(millis);
    if tokens.is_none() && audio_ms.is_none() {
        return None;
    }
    Some(Usage { audio_ms: audio_ms.unwrap_or_default(), ..tokens.unwrap_or_default() })
}

/// Whole milliseconds, rounded up; none for what no recording lasts.
fn millis(seconds: f64) -> Option<u64> {
    let length = Duration::try_from_secs_f64(seconds).ok()?;
    let millis = length.as_micros().div_ceil(1000);
    (length <= MAX_REPORTED_AUDIO).then(|| u64::try_from(millis).ok()).flatten()
}

fn believed(reported: &Reported) -> Option<Usage> {
    let input_tokens = reported.prompt_tokens.or(reported.input_tokens)?;
    let input_details =
        reported.prompt_tokens_details.as_ref().or(reported.input_tokens_details.as_ref());
    let output_details =
        reported.completion_tokens_details.as_ref().or(reported.output_tokens_details.as_ref());
    let reasoning = output_details.and_then(|details| details.reasoning_tokens);
    let reasoning = reasoning.max(reported.reasoning_tokens).unwrap_or(0);
    let output_tokens = output_tokens(reported, input_tokens, reasoning);
    let cached = input_details.and_then(|details| details.cached).unwrap_or(0);
    let written = input_details
        .and_then(|details| details.written.or(details.created))
        .or(reported.cache_creation_input_tokens)
        .unwrap_or(0);
    let cached = cached.min(input_tokens);
    (input_tokens.max(output_tokens) <= MAX_REPORTED_TOKENS).then(|| Usage {
        input_tokens,
        cached_input_tokens: cached,
        cache_write_tokens: written.min(input_tokens.saturating_sub(cached)),
        output_tokens,
        reasoning_tokens: reasoning.min(output_tokens),
        stated_cost: stated_cost(reported),
        ..Usage::default()
    })
}

/// All that was written, thinking included: some report thinking beside the answer, and count it in
/// the total alone or nowhere.
fn output_tokens(reported: &Reported, input_tokens: u64, reasoning: u64) -> u64 {
    let said = reported.completion_tokens.or(reported.output_tokens).unwrap_or(0);
    let rest = reported.total_tokens.map(|total| total.saturating_sub(input_tokens));
    let told = said.max(rest.unwrap_or(0));
    // What is part of it cannot be more than it.
    if reasoning > told { told.saturating_add(reasoning) } else { told }
}

fn stated_cost(reported: &Reported) -> Option<Money> {
    let stated = [&reported.cost, &reported.total_cost, &reported.estimated_cost];
    stated.into_iter().flatten().find_map(Stated::amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_tokens(body: &[u8]) -> AnswerKind {
        read_answer(body, AnswerForm::Tokens)
    }

    #[test]
    fn cached_and_thinking_tokens_are_read() {
        let body = br#"{"id":"x","usage":{"prompt_tokens":10,"completion_tokens":7,
            "prompt_tokens_details":{"cached_tokens":4},
            "completion_tokens_details":{"reasoning_tokens":3}}}"#;
        let usage = answer_usage(body).unwrap();
        assert_eq!((usage.input_tokens, usage.cached_input_tokens), (10, 4));
        assert_eq!((usage.output_tokens, usage.reasoning_tokens), (7, 3));
        assert!(!usage.estimated);
    }

    #[test]
    fn a_total_tells_what_the_output_leaves_out() {
        let read = |usage: &str| {
            let body = format!(r#"{{"usage":{{"prompt_tokens":10,{usage}}}}}"#);
            answer_usage(body.as_bytes()).unwrap().output_tokens
        };
        assert_eq!(read(r#""total_tokens":900"#), 890);
        assert_eq!(read(r#""total_tokens":10"#), 0);
        assert_eq!(read(r#""total_tokens":9"#), 0);
        assert_eq!(read(r#""completion_tokens":7,"total_tokens":900"#), 890);
        assert_eq!(read(r#""completion_tokens":7,"total_tokens":17"#), 7);
        assert_eq!(read(r#""completion_tokens":7,"total_tokens":0"#), 7);
    }

    #[test]
    fn thinking_beside_the_answer_is_output_too() {
        let read = |prompt: u64, rest: &str| {
            let body = format!(r#"{{"usage":{{"prompt_tokens":{prompt},{rest}}}}}"#);
            let usage = answer_usage(body.as_bytes()).unwrap();
            (usage.output_tokens, usage.reasoning_tokens)
        };
        let thinking =
            |tokens: u64| format!(r#""completion_tokens_details":{{"reasoning_tokens":{tokens}}}"#);
        let beside = format!(r#""completion_tokens":9,"total_tokens":135,{}"#, thinking(94));
        assert_eq!(read(32, &beside), (103, 94));
        assert_eq!(read(21, r#""completion_tokens":0,"total_tokens":81"#), (60, 0));
        let untold = format!(r#""completion_tokens":9,{}"#, thinking(94));
        assert_eq!(read(32, &untold), (103, 94));
        let nowhere = format!(r#""completion_tokens":9,"total_tokens":41,{}"#, thinking(94));
        assert_eq!(read(32, &nowhere), (103, 94));
        let at_the_top = r#""completion_tokens":395,"total_tokens":428,"reasoning_tokens":1947"#;
        assert_eq!(read(33, at_the_top), (2342, 1947));
        let within = format!(r#""completion_tokens":103,{}"#, thinking(94));
        assert_eq!(read(32, &within), (103, 94));
    }

    #[test]
    fn what_was_written_into_a_cache_is_read_under_its_names() {
        for usage in [
            r#""prompt_tokens_details":{"cache_write_tokens":3}"#,
            r#""input_tokens_details":{"cache_creation_tokens":3}"#,
            r#""cache_creation_input_tokens":3"#,
        ] {
            let body = format!(r#"{{"usage":{{"prompt_tokens":10,{usage}}}}}"#);
            assert_eq!(answer_usage(body.as_bytes()).unwrap().cache_write_tokens, 3, "{usage}");
        }
        let more = br#"{"usage":{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":8,
            "cache_write_tokens":9}}}"#;
        assert_eq!(answer_usage(more).unwrap().cache_write_tokens, 2, "both are part of input");
    }

    #[test]
    fn a_cost_that_is_stated_is_read_and_spoils_nothing() {
        let usage = |cost: &str| {
            let body = format!(r#"{{"usage":{{"prompt_tokens":1,"completion_tokens":2{cost}}}}}"#);
            answer_usage(body.as_bytes()).unwrap().stated_cost.map(Money::nanos)
        };
        assert_eq!(usage(""), None);
        assert_eq!(usage(r#","cost":0.00014"#), Some(140_000));
        assert_eq!(usage(r#","estimated_cost":"0.1""#), Some(100_000_000));
        assert_eq!(usage(r#","cost":{"odd":[]},"total_cost":1"#), Some(1_000_000_000));
        for odd in ["-1", "{}", "[]", "true", "null", "1e400", "\"x\""] {
            let body = format!(r#"{{"usage":{{"prompt_tokens":1,"cost":{odd}}}}}"#);
            let read = answer_usage(body.as_bytes());
            if odd != "1e400" {
                assert_eq!(read.unwrap().stated_cost, None, "{odd}");
            }
        }
    }

    #[test]
    fn an_answer_is_read_once() {
        let good = read_tokens(br#" {"id":"x","usage":{"prompt_tokens":1,"completion_tokens":2}}"#);
        assert!(matches!(good, AnswerKind::Good(Some(usage)) if usage.output_tokens == 2));
        for other in [r#"{"usage":"much"}"#, r#"{"usage":{}}"#, r#"{"error":null}"#, "{}"] {
            assert_eq!(read_tokens(other.as_bytes()), AnswerKind::Good(None), "{other}");
        }
        for error in [r#"{"error":{}}"#, r#"{"error":"x","usage":"y"}"#] {
            assert_eq!(read_tokens(error.as_bytes()), AnswerKind::Error, "{error}");
        }
        for nonsense in ["", "<html>", "[]", "[null,null]", "\"x\"", "{} {}", "{\"a\":"] {
            assert_eq!(read_tokens(nonsense.as_bytes()), AnswerKind::Nonsense, "{nonsense}");
        }
    }

    #[test]
    fn what_cannot_be_believed_is_no_report() {
        assert_eq!(answer_usage(br#"{"usage":null}"#), None);
        assert_eq!(answer_usage(br#"{"usage":{"prompt_tokens":-5}}"#), None);
        assert_eq!(answer_usage(br#"{"usage":{"prompt_tokens":99999999999999}}"#), None);
        assert_eq!(answer_usage(b"<html>"), None);
    }

    #[test]
    fn both_families_of_names_are_read() {
        let usage = answer_usage(
            br#"{"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":9},
            "output_tokens":4,"output_tokens_details":{"reasoning_tokens":2}}}"#,
        )
        .unwrap();
        assert_eq!((usage.input_tokens, usage.cached_input_tokens), (5, 5));
        assert_eq!((usage.output_tokens, usage.reasoning_tokens), (4, 2));
        let both = answer_usage(br#"{"usage":{"prompt_tokens":5,"input_tokens":6}}"#).unwrap();
        assert_eq!((both.input_tokens, both.output_tokens), (5, 0));
    }

    #[test]
    fn images_are_counted_as_they_come() {
        let good = |body: &str| match read_answer(body.as_bytes(), AnswerForm::Images) {
            AnswerKind::Good(usage) => usage.map(|usage| (usage.images, usage.input_tokens)),
            AnswerKind::Nonsense | AnswerKind::Error => panic!("{body}"),
        };
        assert_eq!(good(r#"{"data":[{"b64_json":"aGk="},{"url":"u"}]}"#), Some((2, 0)));
        assert_eq!(good(r#"{"data":[{}],"usage":{"input_tokens":3}}"#), Some((1, 3)));
        assert_eq!(good(r#"{"created":1}"#), None);
        let error = read_answer(br#"{"error":{},"data":[]}"#, AnswerForm::Images);
        assert_eq!(error, AnswerKind::Error);
    }

    #[test]
    fn a_recordings_length_is_read_and_rounded_up() {
        let good = |body: &str| match read_answer(body.as_bytes(), AnswerForm::Transcript) {
            AnswerKind::Good(usage) => usage.map(|usage| (usage.audio_ms, usage.input_tokens)),
            AnswerKind::Nonsense | AnswerKind::Error => panic!("{body}"),
        };
        assert_eq!(good(r#"{"text":"a","duration":2.0001}"#), Some((2001, 0)));
        assert_eq!(good(r#"{"usage":{"type":"duration","seconds":3}}"#), Some((3000, 0)));
        assert_eq!(good(r#"{"usage":{"type":"tokens","input_tokens":7}}"#), Some((0, 7)));
        for absurd in ["-1", "1e300", "1e9"] {
            assert_eq!(good(&format!(r#"{{"text":"a","duration":{absurd}}}"#)), None);
        }
        assert_eq!(good(r#"{"text":"a"}"#), None);
    }
}
