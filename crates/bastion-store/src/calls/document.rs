//! A call as the document that its row holds: what is not a column, and of that only what says
//! something.
//!
//! It must never lose a field: what is left out reads back as what it was.

use std::borrow::Cow;

use bastion_types::{
    AttemptCharge, AttemptCount, CallRecord, ModelName, Money, Region, ServiceName, StreamOutcome,
    UpstreamName, Usage,
};
use serde::{Deserialize, Serialize};

use super::columns::Columns;

/// Every call writes one: what is none or zero is left out, which halves it.
#[derive(Serialize, Deserialize)]
pub(super) struct Document<'a> {
    service: ServiceName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    surface: Option<Cow<'a, str>>,
    endpoint: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<ModelName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    upstream: Option<UpstreamName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Cow<'a, str>>,
    attempts: AttemptCount,
    stream: StreamOutcome,
    usage: Used,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost: Option<Money>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attempt_charges: Vec<AttemptCharge>,
    latency_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_event_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ended_empty: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    observed: Option<Cow<'a, str>>,
}

/// [`Usage`] without its zeros.
#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct Used {
    #[serde(skip_serializing_if = "is_zero")]
    input_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cached_input_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    cache_write_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    output_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    reasoning_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    images: u64,
    #[serde(skip_serializing_if = "is_zero")]
    audio_ms: u64,
    #[serde(skip_serializing_if = "is_zero")]
    characters: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stated_nanos: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    estimated: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl<'a> From<&'a CallRecord> for Document<'a> {
    fn from(call: &'a CallRecord) -> Document<'a> {
        Document {
            service: call.service.clone(),
            surface: call.surface.as_deref().map(Cow::Borrowed),
            endpoint: Cow::Borrowed(&call.endpoint),
            model: call.model.clone(),
            upstream: call.upstream.clone(),
            region: call.region.clone(),
            code: call.code.as_deref().map(Cow::Borrowed),
            attempts: call.attempts,
            stream: call.stream,
            usage: Used::from(call.usage),
            cost: call.cost,
            attempt_charges: call.attempt_charges.clone(),
            latency_ms: call.latency_ms,
            first_event_ms: call.first_event_ms,
            user: call.user.as_deref().map(Cow::Borrowed),
            ended_empty: call.ended_empty,
            observed: call.observed.as_deref().map(Cow::Borrowed),
        }
    }
}

impl Document<'_> {
    /// The whole call again.
    pub(super) fn with(self, columns: Columns) -> CallRecord {
        let Columns { id, at, environment, key_id, status } = columns;
        CallRecord {
            id,
            at,
            environment,
            service: self.service,
            key_id,
            surface: self.surface.map(Cow::into_owned),
            endpoint: Cow::Owned(self.endpoint.into_owned()),
            model: self.model,
            upstream: self.upstream,
            region: self.region,
            status,
            code: self.code.map(|code| Cow::Owned(code.into_owned())),
            attempts: self.attempts,
            stream: self.stream,
            usage: self.usage.into(),
            cost: self.cost,
            attempt_charges: self.attempt_charges,
            latency_ms: self.latency_ms,
            first_event_ms: self.first_event_ms,
            user: self.user.map(Cow::into_owned),
            ended_empty: self.ended_empty,
            observed: self.observed.map(|code| Cow::Owned(code.into_owned())),
        }
    }
}

impl From<Usage> for Used {
    fn from(usage: Usage) -> Used {
        let Usage { input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, .. } =
            usage;
        let Usage { reasoning_tokens, images, audio_ms, characters, estimated, .. } = usage;
        Used {
            input_tokens,
            cached_input_tokens,
            cache_write_tokens,
            output_tokens,
            reasoning_tokens,
            images,
            audio_ms,
            characters,
            stated_nanos: usage.stated_cost.map(Money::nanos),
            estimated,
        }
    }
}

impl From<Used> for Usage {
    fn from(used: Used) -> Usage {
        let Used { input_tokens, cached_input_tokens, cache_write_tokens, output_tokens, .. } =
            used;
        let Used { reasoning_tokens, images, audio_ms, characters, estimated, .. } = used;
        let stated_cost = used.stated_nanos.map(Money::from_nanos);
        Usage {
            input_tokens,
            cached_input_tokens,
            cache_write_tokens,
            output_tokens,
            reasoning_tokens,
            images,
            audio_ms,
            characters,
            stated_cost,
            estimated,
        }
    }
}
