//! May this call run now? The body is read, the model found, rates and a slot are taken.
//!
//! It must never take from one limit when another refuses, and never wait but for the limits.

mod budget;
mod delivery;
mod rules;
mod surface;
mod wanted;

use std::borrow::Cow;
use std::sync::Arc;

use bastion_limits::{Ask, Denied, KeyLimits, Permit, Standing};
use bastion_types::{Modifier, Prompt, RateKind, Refusal, Usage};
use bastion_wire::{Work, end_user};
use http::HeaderName;

use super::authenticate::Caller;
use super::door::{Arrival, Received};
use crate::about::About;
use crate::desk::Desk;
use crate::endpoints::Service;
use crate::payload::Payload;
use crate::policy::ModelPolicy;
use wanted::Wanted;

pub(crate) use delivery::Delivery;

/// Headers that promise what this version does not do: refused, never ignored.
static NOT_IN_THIS_VERSION: [HeaderName; 1] = [HeaderName::from_static("idempotency-key")];

/// What an SDK adds to a request that it sends again by itself.
static CLIENT_RETRIES: HeaderName = HeaderName::from_static("x-stainless-retry-count");

/// The end user's id.
static USER: HeaderName = HeaderName::from_static("bastion-user");

/// How a stream is to be delivered.
static STREAM: HeaderName = HeaderName::from_static("bastion-stream");

/// A call that may run.
pub(crate) struct Admitted {
    /// The model.
    pub(crate) model: Arc<ModelPolicy>,
    /// The body as it came, with the places that may be changed.
    pub(crate) payload: Payload,
    /// How the caller gets the answer.
    pub(crate) delivery: Delivery,
    /// What it asks for, as far as it is counted.
    pub(crate) work: Work,
    /// The field that asks for state at the upstream.
    pub(crate) state_asked_by: Option<&'static str>,
    /// What its prompt is bounded by.
    pub(crate) prompt: Prompt,
    /// What it asks for that its model's price may not say.
    pub(crate) modifiers: Vec<Modifier>,
    /// Model, surface and user, for the record.
    pub(crate) about: About,
    /// The most output tokens that it may use.
    pub(crate) output_bound_tokens: u64,
    /// Slot and tokens.
    pub(crate) permit: Permit,
}

/// Why it may not, with what is known of it.
pub(crate) struct NotAdmitted {
    /// What the caller is told.
    pub(crate) refusal: Refusal,
    /// The key's rates, where they are known.
    pub(crate) standing: Option<Standing>,
    /// What is known of it.
    pub(crate) about: About,
}

impl From<Refusal> for NotAdmitted {
    fn from(refusal: Refusal) -> NotAdmitted {
        NotAdmitted { refusal, standing: None, about: About::default() }
    }
}

/// Reads the body, finds the model, takes rates and a slot.
pub(super) async fn admit(
    desk: &Desk,
    caller: &Caller,
    arrival: &Arrival,
    received: Received,
) -> Result<Admitted, NotAdmitted> {
    count_client_retry(desk, arrival);
    let header_user = read_headers(arrival)?;
    let atomic = wants_atomic(arrival)?;
    let Service::Upstream(service) = arrival.service else {
        return Err(Refusal::Internal.into());
    };
    let header = surface::of_header(caller, &arrival.headers)?;
    let mut wanted = wanted::read(caller, service, received, header)?;
    wanted.user = wanted.user.take().or(header_user);
    let mut about = About {
        model: Some(Arc::clone(&wanted.model)),
        surface: wanted.surface.as_ref().map(|surface| surface.name.clone()),
        user: wanted.user.clone(),
        observed: None,
    };
    match rules::apply(caller, &mut wanted) {
        Ok(None) => {}
        Ok(Some(observed)) => {
            about.observed = Some(observed.code());
            desk.gateway.tools.metrics.observed(&observed, &caller.key.environment);
        }
        Err(refusal) => return Err(NotAdmitted { refusal, standing: None, about }),
    }
    let Wanted { model, payload, stream, answers, work, state_asked_by, .. } = wanted;
    let Wanted { prompt, modifiers, asked_tokens, .. } = wanted;
    let output_bound_tokens = model.output_bound_tokens(work.limited(asked_tokens));
    let permit = match take_limits(desk, caller, (output_bound_tokens, payload.text_bytes)).await {
        Ok(permit) => permit,
        Err(denied) => {
            let refusal = refusal_of(&denied, caller);
            return Err(NotAdmitted { refusal, standing: Some(denied.standing), about });
        }
    };
    let delivery = match (stream, atomic) {
        (None, _) => Delivery::Whole(answers),
        (Some(dialect), false) => Delivery::Stream(dialect),
        (Some(dialect), true) => Delivery::Atomic(dialect),
    };
    Ok(Admitted {
        model,
        payload,
        delivery,
        work,
        state_asked_by,
        prompt,
        modifiers,
        about,
        output_bound_tokens,
        permit,
    })
}

fn count_client_retry(desk: &Desk, arrival: &Arrival) {
    let count = arrival.headers.get(&CLIENT_RETRIES).and_then(|value| value.to_str().ok());
    if count.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count > 0) {
        desk.gateway.tools.metrics.client_retry();
        desk.gateway.retry_budget.client_retry(desk.gateway.tools.clock.monotonic());
    }
}

/// The end user's id, if a header names one.
fn read_headers(arrival: &Arrival) -> Result<Option<String>, Refusal> {
    for header in &NOT_IN_THIS_VERSION {
        if arrival.headers.contains_key(header) {
            let message = format!("the header '{header}' is not in this version; leave it out");
            return Err(Refusal::invalid_field(header.as_str(), message));
        }
    }
    let Some(user) = arrival.headers.get(&USER) else { return Ok(None) };
    let Ok(user) = user.to_str() else {
        return Err(Refusal::invalid_field("bastion-user", "'bastion-user' must be visible ASCII"));
    };
    let user = end_user("bastion-user", Cow::Borrowed(user))?;
    Ok(Some(user.into_owned()).filter(|user| !user.is_empty()))
}

fn wants_atomic(arrival: &Arrival) -> Result<bool, Refusal> {
    match arrival.headers.get(&STREAM) {
        None => Ok(false),
        Some(value) if value == "atomic" => Ok(true),
        Some(_) => Err(Refusal::invalid_field(
            "bastion-stream",
            "'bastion-stream' must be 'atomic'; leave it out for a stream that comes event by event",
        )),
    }
}

async fn take_limits(
    desk: &Desk,
    caller: &Caller,
    (output, text_bytes): (u64, u64),
) -> Result<Permit, Denied> {
    let input = text_bytes.div_ceil(Usage::BYTES_PER_TOKEN);
    let key = &caller.key;
    let limits = KeyLimits { rpm: key.rpm, tpm: key.tpm, concurrency: key.concurrency };
    let ask = Ask { tokens: input.saturating_add(output) };
    let tools = &desk.gateway.tools;
    tools.limits.admit(key.id, limits, ask, tools.clock.monotonic()).await
}

fn refusal_of(denied: &Denied, caller: &Caller) -> Refusal {
    match (denied.never, denied.kind) {
        (true, RateKind::Tokens) => {
            Refusal::NeverFits { limit_tokens: caller.key.tpm.unwrap_or_default() }
        }
        (_, kind) => Refusal::RateLimited { kind, retry_after_s: denied.retry_after_s },
    }
}
