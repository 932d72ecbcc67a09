//! A surface's token budget, laid over what a request says: refused, lowered in place, or put in.
//!
//! It must never rename a spelling, and never lose a limit that the caller set.

use std::ops::Range;

use bastion_config::{AboveCeiling, TokenBudget};
use bastion_types::Refusal;
use bastion_wire::OutputLimits;

/// What becomes of a request's limit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Budgeted {
    /// The limit of one answer that the upstream will keep; none: nobody knows that it keeps one.
    pub(super) limit_tokens: Option<u64>,
    /// The limit of one answer as it is sent, kept or not.
    pub(super) asked_tokens: Option<u64>,
    /// What is written into the body, and in place of which bytes.
    pub(super) edits: Vec<(Range<usize>, String)>,
}

/// Lays the budget over the request's limits; `spelling` is the one that is put in where none of
/// the upstream's own is there.
///
/// # Errors
/// [`Refusal::TokenBudgetExceeded`] for a limit above the ceiling, unless such are lowered.
pub(super) fn apply(
    budget: TokenBudget,
    limits: &OutputLimits,
    spelling: &'static str,
) -> Result<Budgeted, Refusal> {
    let above = |tokens: u64| budget.ceiling.filter(|ceiling| tokens > *ceiling);
    let mut edits = Vec::new();
    for given in &limits.given {
        let Some(ceiling) = above(given.tokens) else { continue };
        if budget.above == AboveCeiling::Refuse {
            let (param, limit_tokens) = (given.field, ceiling);
            return Err(Refusal::TokenBudgetExceeded { param, limit_tokens });
        }
        edits.push((given.place.clone(), ceiling.to_string()));
    }
    let lowered = |tokens: u64| above(tokens).unwrap_or(tokens);
    let wished = limits.given.iter().map(|given| lowered(given.tokens)).max();
    if limits.given.iter().any(|given| limits.own.contains(&given.field)) {
        // The upstream may read a foreign spelling, too: the largest bounds the call.
        let limit_tokens = limits.kept_by(spelling).map(lowered);
        return Ok(Budgeted { limit_tokens, asked_tokens: limits.asked().map(lowered), edits });
    }
    // A limit under a spelling that the upstream does not read is the caller's wish all the same.
    let Some(limit) = wished.or(budget.default).or(budget.ceiling) else {
        return Ok(Budgeted::default());
    };
    let null = limits.nulls.iter().find(|(field, _)| *field == spelling);
    edits.push(match null {
        Some((_, place)) => (place.clone(), limit.to_string()),
        None => (limits.front..limits.front, format!("\"{spelling}\":{limit},")),
    });
    Ok(Budgeted { limit_tokens: Some(limit), asked_tokens: Some(limit), edits })
}

#[cfg(test)]
mod tests {
    use bastion_wire::{Ask, read_chat, read_completion, read_responses};
    use bytes::Bytes;

    use super::*;

    const BUDGET: TokenBudget =
        TokenBudget { default: Some(1500), ceiling: Some(4000), above: AboveCeiling::Clamp };

    fn applied(
        read: for<'a> fn(&'a [u8]) -> Result<Ask<'a>, Refusal>,
        body: &str,
        budget: TokenBudget,
    ) -> Result<(String, Option<u64>), &'static str> {
        let usual = read(body.as_bytes()).unwrap().limits.unwrap().own[0];
        applied_in(read, body, budget, usual)
    }

    fn applied_in(
        read: for<'a> fn(&'a [u8]) -> Result<Ask<'a>, Refusal>,
        body: &str,
        budget: TokenBudget,
        spelling: &'static str,
    ) -> Result<(String, Option<u64>), &'static str> {
        let ask = read(body.as_bytes()).unwrap();
        let budgeted = apply(budget, &ask.limits.unwrap(), spelling);
        let Budgeted { limit_tokens, edits, .. } = budgeted.map_err(|r| r.param().unwrap())?;
        let mut edits: Vec<_> = edits
            .iter()
            .map(|(place, with)| bastion_wire::Edit { place: place.clone(), with: with.as_bytes() })
            .collect();
        let body = bastion_wire::splice_all(&Bytes::copy_from_slice(body.as_bytes()), &mut edits);
        Ok((String::from_utf8(body.to_vec()).unwrap(), limit_tokens))
    }

    #[track_caller]
    fn chat(rest: &str, expect: &str, limit: u64) {
        let body = |rest: &str| format!(r#"{{"model":"m","messages":[]{rest}}}"#);
        let (sent, tokens) = applied(read_chat, &body(rest), BUDGET).unwrap();
        let front = expect.strip_prefix('^');
        let expect = front.map_or_else(
            || body(expect),
            |front| format!(r#"{{{front},"model":"m","messages":[]{rest}}}"#),
        );
        assert_eq!((sent, tokens), (expect, Some(limit)));
    }

    #[test]
    fn a_default_is_put_in_where_no_limit_is_named() {
        chat("", r#"^"max_tokens":1500"#, 1500);
        chat(r#","max_tokens":null"#, r#","max_tokens":1500"#, 1500);
        chat(r#","max_completion_tokens":null"#, r#"^"max_tokens":1500"#, 1500);
        let body = r#"{"model":"m","messages":[],"max_completion_tokens": null}"#;
        let newer = applied_in(read_chat, body, BUDGET, "max_completion_tokens").unwrap();
        let expect = r#"{"model":"m","messages":[],"max_completion_tokens": 1500}"#;
        assert_eq!(newer, (expect.to_owned(), Some(1500)));
    }

    #[test]
    fn a_spelling_that_some_engines_ignore_is_lowered_and_bounds_nothing() {
        let body = |limit: u64| {
            format!(r#"{{"model":"m","messages":[],"max_completion_tokens":{limit}}}"#)
        };
        for (given, sent) in [(7, 7), (9000, 4000)] {
            assert_eq!(applied(read_chat, &body(given), BUDGET), Ok((body(sent), None)));
            let newer = applied_in(read_chat, &body(given), BUDGET, "max_completion_tokens");
            assert_eq!(newer, Ok((body(sent), Some(sent))));
        }
    }

    #[test]
    fn a_limit_within_the_ceiling_stays_as_it_is() {
        chat(r#","max_tokens":4000"#, r#","max_tokens":4000"#, 4000);
        let both = r#","max_tokens":10,"max_output_tokens":3000"#;
        chat(both, both, 3000);
    }

    #[test]
    fn each_spelling_is_lowered_where_it_stands() {
        chat(r#","max_tokens":9000,"x":1e400"#, r#","max_tokens":4000,"x":1e400"#, 4000);
        chat(
            r#","max_completion_tokens":5000,"max_tokens":10,"max_output_tokens":6000"#,
            r#","max_completion_tokens":4000,"max_tokens":10,"max_output_tokens":4000"#,
            4000,
        );
    }

    #[test]
    fn a_spelling_that_the_upstream_does_not_read_is_kept_and_said_in_its_own() {
        chat(r#","max_output_tokens":70"#, r#"^"max_tokens":70"#, 70);
        let body = r#"{"model":"m","input":"a","max_tokens":9000}"#;
        let (sent, limit) = applied(read_responses, body, BUDGET).unwrap();
        let expect = r#"{"max_output_tokens":4000,"model":"m","input":"a","max_tokens":4000}"#;
        assert_eq!((sent.as_str(), limit), (expect, Some(4000)));
        let body = r#"{"model":"m","prompt":"a","max_completion_tokens":9}"#;
        let (sent, _) = applied(read_completion, body, BUDGET).unwrap();
        assert!(sent.starts_with(r#"{"max_tokens":9,"#) && sent.contains("max_completion"));
    }

    #[test]
    fn above_the_ceiling_is_refused_unless_it_is_lowered() {
        let refuse = TokenBudget { above: AboveCeiling::Refuse, ..BUDGET };
        for field in ["max_tokens", "max_completion_tokens", "max_output_tokens"] {
            let body = format!(r#"{{"model":"m","messages":[],"{field}":4001}}"#);
            assert_eq!(applied(read_chat, &body, refuse), Err(field));
        }
    }

    #[test]
    fn a_ceiling_alone_holds_for_a_call_without_a_limit_too() {
        let ceiling = TokenBudget { default: None, ..BUDGET };
        let body = r#"{"model":"m","messages":[]}"#;
        assert_eq!(applied(read_chat, body, ceiling).unwrap().1, Some(4000));
        let default = TokenBudget { ceiling: None, ..BUDGET };
        let large = r#"{"model":"m","messages":[],"max_tokens":99999}"#;
        assert_eq!(applied(read_chat, large, default).unwrap(), (large.to_owned(), Some(99999)));
    }
}
