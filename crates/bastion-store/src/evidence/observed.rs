//! What calls used lately, by use case and model, from their records.
//!
//! It must never read more than the newest calls, never be silent on those it left unread, and never
//! count an estimate as an observation.

use std::collections::BTreeMap;

use bastion_types::{CallRecord, EnvironmentName, ModelName, RequestId, Timestamp};

use crate::StoreError;
use crate::calls::read_call;
use crate::database::Database;
use crate::statement::statement;

/// Most calls that are read.
pub(super) const MAX_CALLS: u32 = 20_000;

/// Answers that are longer than all but one of a hundred.
const PERCENT: usize = 99;

const NEWEST: &str = "SELECT * FROM calls WHERE environment = $1 AND id >= $2 AND status < 400 \
     ORDER BY id DESC LIMIT $3";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[NEWEST];

/// What an environment's newest calls used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewestCalls {
    /// By use case and model.
    pub groups: Vec<ObservedCalls>,
    /// Where there may be more calls than are read, when the oldest came that was; none: all were.
    pub read_since: Option<Timestamp>,
}

/// The newest calls of one use case to one model that reached an upstream and were answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedCalls {
    /// The use case; none: the calls named none.
    pub surface: Option<String>,
    /// The model, as callers name it.
    pub model: ModelName,
    /// How many.
    pub calls: u64,
    /// Those of them whose answer was ended by its limit before it had any text, whether or not its
    /// upstream reported what it used.
    pub ended_empty: u64,
    /// What those of them that made text used.
    pub text: ObservedText,
}

/// What calls that make text used, as their upstreams reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ObservedText {
    /// How many there are.
    pub calls: u64,
    /// Tokens of the answer without thinking; 99 of 100 calls had no more.
    pub p99_answer_tokens: u64,
    /// Tokens of thinking; 99 of 100 calls had no more.
    pub p99_thinking_tokens: u64,
    /// Both together; 99 of 100 calls had no more.
    pub p99_tokens: u64,
}

/// What is gathered of one group.
#[derive(Default)]
struct Group {
    calls: u64,
    answer: Vec<u64>,
    thinking: Vec<u64>,
    both: Vec<u64>,
    ended_empty: u64,
}

/// The newest calls of an environment since a moment, at most so many.
pub(super) async fn observed(
    db: &Database,
    environment: &EnvironmentName,
    since: Timestamp,
    most: u32,
) -> Result<NewestCalls, StoreError> {
    let lowest = RequestId::lowest_at(since);
    let newest =
        statement(NEWEST).bind(environment.as_str()).bind(lowest.as_str()).bind(i64::from(most));
    let mut groups: BTreeMap<(Option<String>, ModelName), Group> = BTreeMap::new();
    let (mut read, mut oldest) = (0_u32, None);
    for row in db.rows_patiently(newest).await? {
        let call = read_call(&row)?;
        (read, oldest) = (read.saturating_add(1), Some(call.at));
        if let (Some(model), Some(_)) = (&call.model, &call.upstream) {
            groups.entry((call.surface.clone(), model.clone())).or_default().add(&call);
        }
    }
    let told = |((surface, model), group): ((Option<String>, ModelName), Group)| ObservedCalls {
        surface,
        model,
        calls: group.calls,
        ended_empty: group.ended_empty,
        text: group.text(),
    };
    Ok(NewestCalls {
        groups: groups.into_iter().map(told).collect(),
        read_since: oldest.filter(|_| read >= most),
    })
}

impl Group {
    fn add(&mut self, call: &CallRecord) {
        self.calls = self.calls.saturating_add(1);
        self.ended_empty = self.ended_empty.saturating_add(u64::from(call.ended_empty));
        let usage = call.usage;
        if usage.estimated || usage.output_tokens == 0 {
            return;
        }
        self.answer.push(usage.output_tokens.saturating_sub(usage.reasoning_tokens));
        self.thinking.push(usage.reasoning_tokens);
        self.both.push(usage.output_tokens);
    }

    fn text(self) -> ObservedText {
        ObservedText {
            calls: u64::try_from(self.both.len()).unwrap_or(u64::MAX),
            p99_answer_tokens: p99(self.answer),
            p99_thinking_tokens: p99(self.thinking),
            p99_tokens: p99(self.both),
        }
    }
}

/// The smallest figure that 99 of 100 are not above; nothing where there is none.
fn p99(mut figures: Vec<u64>) -> u64 {
    figures.sort_unstable();
    let at = (figures.len() * PERCENT).div_ceil(100).saturating_sub(1);
    figures.get(at).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_of_100_is_the_figure() {
        assert_eq!(p99(Vec::new()), 0);
        assert_eq!(p99(vec![7]), 7);
        assert_eq!(p99((1..=100).rev().collect()), 99);
        assert_eq!(p99((1..=1000).collect()), 990);
    }
}
