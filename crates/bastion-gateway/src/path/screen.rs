//! What may leave the house, and where to: no state at the upstream, only allowed regions, and the
//! bytes as they will be sent.
//!
//! It must never let a call through whose content it could not check. Boxes `privacy.store-false`
//! and `privacy.residency`.

use std::sync::Arc;

use bastion_limits::{Permit, Standing};
use bastion_types::Refusal;
use bastion_wire::splice;
use bytes::Bytes;

use super::admit::{Admitted, NotAdmitted};
use super::authenticate::Caller;
use crate::desk::Desk;
use crate::policy::{ModelPolicy, UpstreamPolicy};

/// A call that may leave.
pub(crate) struct Screened {
    /// The model.
    pub(crate) model: Arc<ModelPolicy>,
    /// Who may be asked, in order; never empty.
    pub(crate) upstreams: Vec<Arc<UpstreamPolicy>>,
    /// The body as it will be sent.
    pub(crate) body: Bytes,
    /// Is the answer to be a stream?
    pub(crate) streamed: bool,
    /// The end user's id.
    pub(crate) user: Option<String>,
    /// The most output tokens that it may use.
    pub(crate) output_bound_tokens: u64,
    /// Slot and tokens.
    pub(crate) permit: Permit,
}

/// A call that was turned away before anything was held for it.
pub(crate) struct Turned {
    /// What the caller is told.
    pub(crate) refusal: Refusal,
    /// The key's rates, where they are known.
    pub(crate) standing: Option<Standing>,
    /// The model, once it is found.
    pub(crate) model: Option<Arc<ModelPolicy>>,
    /// The end user's id.
    pub(crate) user: Option<String>,
}

impl From<Refusal> for Turned {
    fn from(refusal: Refusal) -> Turned {
        Turned::from(NotAdmitted::from(refusal))
    }
}

impl From<NotAdmitted> for Turned {
    fn from(not: NotAdmitted) -> Turned {
        Turned { refusal: not.refusal, standing: not.standing, model: not.model, user: None }
    }
}

/// Checks what would leave and where to. A refusal gives the tokens back, not the request.
pub(super) fn screen(desk: &Desk, caller: &Caller, admitted: Admitted) -> Result<Screened, Turned> {
    let Admitted { model, body, model_place, streamed, stored, user, output_bound_tokens, permit } =
        admitted;
    let checked = without_state(stored).and_then(|()| allowed_upstreams(caller, &model));
    match checked {
        Ok(upstreams) => {
            let body = match &model.renamed {
                Some(name) => splice(&body, model_place, name.as_bytes()),
                None => body,
            };
            Ok(Screened { model, upstreams, body, streamed, user, output_bound_tokens, permit })
        }
        Err(refusal) => {
            let now = desk.gateway.tools.clock.monotonic();
            permit.give_back_tokens(now);
            let standing = Some(permit.standing_now(now));
            Err(Turned { refusal, standing, model: Some(model), user })
        }
    }
}

fn without_state(stored: bool) -> Result<(), Refusal> {
    if stored { Err(Refusal::StatefulNotAllowed { param: "store" }) } else { Ok(()) }
}

fn allowed_upstreams(
    caller: &Caller,
    model: &ModelPolicy,
) -> Result<Vec<Arc<UpstreamPolicy>>, Refusal> {
    let upstream = &model.upstream;
    if caller.policy.allows_region(&caller.key.environment, upstream.region.as_ref()) {
        Ok(vec![Arc::clone(upstream)])
    } else {
        Err(Refusal::NoAllowedRegion)
    }
}
