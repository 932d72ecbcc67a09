//! Who calls: the key's look-up in the snapshot. 401 for every way in which a key is wrong.
//!
//! The plain key ends here. It must never wait for the store.

use std::sync::Arc;

use bastion_store::KeyEntry;
use bastion_types::{ApiKey, KeyFormatError, KeyProblem, Refusal, RequestId};
use bastion_wire::{bearer, refusal_response};
use bytes::Bytes;
use http::{HeaderMap, Response};
use hyper::body::Incoming;

use super::door::{Arrival, Entered};
use crate::desk::Desk;
use crate::policy::Policy;

/// A known caller, with the policy that its call goes by.
pub(crate) struct Caller {
    /// The key's entry.
    pub(crate) key: Arc<KeyEntry>,
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
    match find(desk, &policy, &arrival) {
        Ok(key) => Ok(Known { caller: Caller { key, policy }, arrival, body }),
        Err(problem) => {
            let refusal = Refusal::Key(problem);
            desk.gateway.tools.metrics.refused_at_door(&refusal);
            tracing::debug!(request_id = %arrival.id, ?problem, "a key was refused");
            Err(refusal_response(&refusal, &arrival.id))
        }
    }
}

fn find(desk: &Desk, policy: &Policy, arrival: &Arrival) -> Result<Arc<KeyEntry>, KeyProblem> {
    let presented = presented(&arrival.headers)?;
    let entry = desk.gateway.tools.store.keys().authenticate(&presented, arrival.at)?;
    if policy.serves(&entry.environment) { Ok(entry) } else { Err(KeyProblem::OtherEnvironment) }
}

fn presented(headers: &HeaderMap) -> Result<ApiKey, KeyProblem> {
    ApiKey::parse(bearer(headers)?).map_err(|problem| match problem {
        KeyFormatError::Foreign => KeyProblem::Foreign,
        KeyFormatError::Mistyped => KeyProblem::Mistyped,
    })
}
