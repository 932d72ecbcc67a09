//! What may leave the house, and where to: no state at the upstream, only allowed regions, and the
//! bytes as they will be sent.
//!
//! It must never let a call through whose content it could not check. Boxes `privacy.store-false`
//! and `privacy.residency`.

use std::ops::Range;
use std::sync::Arc;

use bastion_limits::{Permit, Standing};
use bastion_types::Refusal;
use bastion_wire::UsageWish;
use bytes::Bytes;

use super::admit::{Admitted, NotAdmitted};
use super::authenticate::Caller;
use crate::desk::Desk;
use crate::policy::{ModelPolicy, Route};

pub(crate) use super::admit::Delivery;

/// A call that may leave.
pub(crate) struct Screened {
    /// The model.
    pub(crate) model: Arc<ModelPolicy>,
    /// Who may be asked, in order; never empty.
    pub(crate) routes: Vec<Arc<Route>>,
    /// The body as it came.
    pub(crate) body: Bytes,
    /// Where the model's name stands in it: a route may have another one.
    pub(crate) model_place: Range<usize>,
    /// What to change in it so that a stream reports its usage; none where the caller asks for it.
    pub(crate) usage_wish: Option<UsageWish>,
    /// How the caller gets the answer.
    pub(crate) delivery: Delivery,
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
    let Admitted { model, stored, user, permit, .. } = admitted;
    let checked = without_state(stored).and_then(|()| allowed_routes(caller, &model));
    match checked {
        Ok(routes) => Ok(Screened {
            model,
            routes,
            body: admitted.body,
            model_place: admitted.model_place,
            usage_wish: admitted.usage_wish,
            delivery: admitted.delivery,
            user,
            output_bound_tokens: admitted.output_bound_tokens,
            permit,
        }),
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

fn allowed_routes(caller: &Caller, model: &ModelPolicy) -> Result<Vec<Arc<Route>>, Refusal> {
    let allowed = |route: &&Arc<Route>| caller.policy.allows(&caller.key.environment, route);
    let routes: Vec<_> = model.routes.iter().filter(allowed).cloned().collect();
    if routes.is_empty() { Err(Refusal::NoAllowedRegion) } else { Ok(routes) }
}
