//! Which answer of a script is a request's.
//!
//! It must never count a request twice for the same answer.

use std::sync::Arc;

use crate::script::parse::Script;
use crate::script::scripted::ScriptedAnswer;

/// A script under way.
pub(crate) struct Playing {
    script: Script,
    counts: Vec<Counts>,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    /// Requests that its `endpoint` and `model` fit, whoever answered them.
    seen: u64,
    /// Requests that it answered.
    applied: u64,
}

impl Playing {
    pub(crate) fn new(script: Script) -> Playing {
        let counts = vec![Counts::default(); script.len()];
        Playing { script, counts }
    }

    /// Counts the request for every answer that it fits; the first whose turn it is, answers.
    pub(crate) fn next(
        &mut self,
        endpoint: Option<&str>,
        path: &str,
        model: Option<&str>,
    ) -> Option<Arc<ScriptedAnswer>> {
        let mut chosen = None;
        for (answer, counts) in self.script.answers().iter().zip(&mut self.counts) {
            if !fits(answer, endpoint, path, model) {
                continue;
            }
            counts.seen = counts.seen.saturating_add(1);
            if chosen.is_none() && is_due(answer, *counts) {
                counts.applied = counts.applied.saturating_add(1);
                chosen = Some(answer);
            }
        }
        chosen.cloned()
    }
}

fn fits(answer: &ScriptedAnswer, endpoint: Option<&str>, path: &str, model: Option<&str>) -> bool {
    let named = answer.rule.endpoint.as_ref().map(|name| name.0.as_str());
    let wanted = answer.rule.model.as_deref();
    named.is_none_or(|name| name == path || endpoint == Some(name))
        && wanted.is_none_or(|wanted| model == Some(wanted))
}

fn is_due(answer: &ScriptedAnswer, counts: Counts) -> bool {
    let times = answer.times.map(|times| times.0);
    match (answer.rule.nth.map(|nth| nth.0), times) {
        (Some(nth), times) => (nth..nth.saturating_add(times.unwrap_or(1))).contains(&counts.seen),
        (None, Some(times)) => counts.applied < times,
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statuses that a script gives to so many chat requests.
    fn played(script: &str, requests: usize) -> Vec<u16> {
        let mut playing = Playing::new(Script::parse(script).unwrap());
        let mut next = || playing.next(Some("chat_completions"), "/v1/chat/completions", Some("m"));
        (0..requests)
            .map(|_| next().map_or(0, |answer| answer.status.map_or(1, |status| status.0)))
            .collect()
    }

    #[test]
    fn nth_counts_from_one_whoever_answered_before() {
        let script = "[[answer]]\nmatch = { nth = 1 }\nstatus = 500\n\
                      [[answer]]\nmatch = { nth = 2, endpoint = \"chat_completions\" }\nstatus = 429\n\
                      [[answer]]\nmatch = { nth = 4, model = \"m\" }\ntimes = 2\nstatus = 503\n";
        assert_eq!(played(script, 7), [500, 429, 0, 503, 503, 0, 0]);
    }

    #[test]
    fn the_first_that_fits_wins_and_times_ends_it() {
        let script = "[[answer]]\nmatch = { endpoint = \"models\" }\nstatus = 400\n\
                      [[answer]]\nmatch = { model = \"other\" }\nstatus = 401\n\
                      [[answer]]\ntimes = 2\nstatus = 402\n\
                      [[answer]]\nmatch = { endpoint = \"/v1/chat/completions\" }\nstatus = 403\n";
        assert_eq!(played(script, 4), [402, 402, 403, 403]);
    }
}
