//! Who calls: the key's look-up in the snapshot. 401 for every way in which a key is wrong, 503
//! while the snapshot is too old to know.
//!
//! The plain key ends here. It must never wait for the store.

use std::sync::Arc;

use bastion_store::KeyEntry;
use bastion_types::{ApiKey, KeyFormatError, KeyProblem, Refusal, RequestId};
use bastion_wire::{bearer, refusal_response};
use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Response};
use hyper::body::Incoming;

use super::door::{Arrival, Entered};
use crate::caller_address::caller_address;
use crate::desk::Desk;
use crate::policy::{EnvironmentPolicy, Policy};

/// After which a node that was frozen or lost its database may know the keys again.
const LOOK_AGAIN_S: u32 = 1;

/// A known caller, with the policy that its call goes by.
pub(crate) struct Caller {
    /// The key's entry.
    pub(crate) key: Arc<KeyEntry>,
    /// What the key's environment asks.
    pub(crate) environment: Arc<EnvironmentPolicy>,
    /// The policy at the time the call began.
    pub(crate) policy: Arc<Policy>,
}

/// A call of a known caller, its body still unread.
pub(crate) struct Known {
    pub(super) caller: Caller,
    pub(super) arrival: Arrival,
    pub(super) body: Incoming,
}

impl Known {
    /// The call's id, for an answer that its task could not give.
    pub(crate) fn id(&self) -> RequestId {
        self.arrival.id
    }
}

/// Finds the caller.
pub(super) fn authenticate(desk: &Desk, entered: Entered) -> Result<Known, Response<Bytes>> {
    let Entered { arrival, body } = entered;
    let policy = desk.gateway.policy();
    let found = is_fresh(desk).and_then(|()| find(desk, &policy, &arrival).map_err(Refusal::Key));
    match found {
        Ok((key, environment)) => {
            let caller = Caller { key, environment, policy };
            see(desk, &caller, &arrival);
            Ok(Known { caller, arrival, body })
        }
        Err(refusal) => {
            desk.gateway.tools.metrics.refused_at_door(&refusal);
            tracing::debug!(request_id = %arrival.id, ?refusal, "a key was refused");
            Err(refusal_response(&refusal, &arrival.id))
        }
    }
}

/// From where and by which program the key is used.
fn see(desk: &Desk, caller: &Caller, arrival: &Arrival) {
    let from = caller_address(&caller.policy.trusted_proxies, arrival.peer, &arrival.headers);
    let program = arrival.headers.get(USER_AGENT).map(HeaderValue::as_bytes);
    desk.gateway.tools.sightings.see(caller.key.id, program, from, arrival.at);
}

/// Whoever cannot know which keys were revoked lets nobody in.
fn is_fresh(desk: &Desk) -> Result<(), Refusal> {
    desk.gateway.tools.store.is_fresh().map_err(|cause| {
        tracing::debug!(%cause, "no key is known for sure");
        Refusal::NotNow { retry_after_s: LOOK_AGAIN_S }
    })
}

fn find(
    desk: &Desk,
    policy: &Policy,
    arrival: &Arrival,
) -> Result<(Arc<KeyEntry>, Arc<EnvironmentPolicy>), KeyProblem> {
    let presented = presented(&arrival.headers)?;
    let entry = desk.gateway.tools.store.keys().authenticate(&presented, arrival.at)?;
    let environment = policy.served(&entry.environment).ok_or(KeyProblem::OtherEnvironment)?;
    Ok((entry, Arc::clone(environment)))
}

fn presented(headers: &HeaderMap) -> Result<ApiKey, KeyProblem> {
    ApiKey::parse(bearer(headers)?).map_err(|problem| match problem {
        KeyFormatError::Foreign => KeyProblem::Foreign,
        KeyFormatError::Mistyped => KeyProblem::Mistyped,
    })
}
