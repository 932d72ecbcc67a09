//! A recorded call: what the store keeps, the operator API shows and the log writes.
//!
//! It must never hold a body, a prompt, a completion or a key.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    EnvironmentName, KeyId, ModelName, Money, Region, RequestId, ServiceName, Timestamp,
    UpstreamName, Usage,
};

/// How many times a call was tried at an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptCount(pub u32);

/// How a streamed answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamOutcome {
    /// The terminal event was relayed.
    Whole,
    /// The upstream broke off; the caller got an error event.
    Interrupted,
    /// The caller left before the end.
    Cancelled,
    /// The answer was not a stream.
    None,
}

impl StreamOutcome {
    /// As the operator API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            StreamOutcome::Whole => "whole",
            StreamOutcome::Interrupted => "interrupted",
            StreamOutcome::Cancelled => "cancelled",
            StreamOutcome::None => "none",
        }
    }

    /// Reads what [`StreamOutcome::as_str`] wrote.
    pub fn parse(text: &str) -> Option<StreamOutcome> {
        [Self::Whole, Self::Interrupted, Self::Cancelled, Self::None]
            .into_iter()
            .find(|outcome| outcome.as_str() == text)
    }
}

/// What one attempt of a call cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptCharge {
    /// Who was asked.
    pub upstream: UpstreamName,
    /// What it cost.
    pub cost: Money,
    /// Is that an estimate?
    pub estimated: bool,
}

/// One call, once it is over. Field names are those of `GET /admin/v1/calls`.
#[derive(Debug, Clone, Serialize)]
pub struct CallRecord {
    /// The call's id.
    pub id: RequestId,
    /// When it came in.
    pub at: Timestamp,
    /// The key's environment.
    pub environment: EnvironmentName,
    /// The key's service.
    pub service: ServiceName,
    /// The key.
    pub key_id: KeyId,
    /// The use case, if the call has one.
    pub surface: Option<String>,
    /// The endpoint's name, such as `chat_completions`.
    pub endpoint: Cow<'static, str>,
    /// The model that the caller named, if it is one of ours.
    pub model: Option<ModelName>,
    /// Who answered, or was asked last.
    pub upstream: Option<UpstreamName>,
    /// Where that upstream computes.
    pub region: Option<Region>,
    /// The status that the caller got.
    pub status: u16,
    /// The error's code, if the call ended in one.
    pub code: Option<Cow<'static, str>>,
    /// Tries at upstreams.
    pub attempts: AttemptCount,
    /// How the stream ended.
    pub stream: StreamOutcome,
    /// What the attempt used that was answered; where none was, all of them.
    pub usage: Usage,
    /// What it cost, all attempts together; none where the model has no price.
    pub cost: Option<Money>,
    /// What each attempt cost, in order; empty where there is one or none to pay for.
    pub attempt_charges: Vec<AttemptCharge>,
    /// From the head's arrival to the answer's end.
    pub latency_ms: u64,
    /// From the head's arrival to the first event with content, for streams.
    pub first_event_ms: Option<u64>,
    /// The end user's id, if the caller named one.
    pub user: Option<String>,
    /// Was the answer ended by its limit before it had any text? Of a stream that is known where
    /// thinking is reported.
    pub ended_empty: bool,
    /// The code of the first refusal that was decided and, by `enforce = "observe"`, not applied.
    pub observed: Option<Cow<'static, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_reads_back() {
        for outcome in ["whole", "interrupted", "cancelled", "none"] {
            assert_eq!(StreamOutcome::parse(outcome).unwrap().as_str(), outcome);
        }
        assert_eq!(StreamOutcome::parse("gone"), None);
    }
}
