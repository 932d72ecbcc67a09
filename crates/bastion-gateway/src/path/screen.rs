//! What may leave the house, and where to: no state at the upstream, only allowed regions, and the
//! bytes as they will be sent.
//!
//! It must never let a call through whose content it could not check. Boxes `privacy.store-false`
//! and `privacy.residency`.

use std::sync::Arc;

use bastion_limits::{Permit, Standing};
use bastion_types::{Bound, Modifier, Money, Prompt, Refusal, bound};
use bastion_wire::Work;

use super::admit::{Admitted, NotAdmitted};
use super::authenticate::Caller;
use crate::about::About;
use crate::desk::Desk;
use crate::payload::Payload;
use crate::policy::{ModelPolicy, Route};

pub(crate) use super::admit::Delivery;

/// A call that may leave.
pub(crate) struct Screened {
    /// The model.
    pub(crate) model: Arc<ModelPolicy>,
    /// Who may be asked, in order; never empty.
    pub(crate) routes: Vec<Arc<Route>>,
    /// The body as it came, with the places that may be changed.
    pub(crate) payload: Payload,
    /// The usage of a stream is asked for by us: its frame does not go on.
    pub(crate) usage_is_ours: bool,
    /// How the caller gets the answer.
    pub(crate) delivery: Delivery,
    /// What it asks for, as far as it is counted.
    pub(crate) work: Work,
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

impl Screened {
    /// What an attempt of it may use at most; none when nothing bounds it.
    pub(crate) fn most(&self) -> Option<Bound> {
        self.model.most(self.work, self.prompt)
    }

    /// What that costs at the dearest of its routes; none when a route has no price.
    pub(crate) fn cost_of(&self, most: &Bound) -> Option<Money> {
        let prices: Option<Vec<_>> = self.routes.iter().map(|route| route.price.as_ref()).collect();
        bound(most, prices?)
    }

    /// What it asks for that no price of its model says.
    pub(crate) fn uncovered(&self) -> Option<Modifier> {
        let covered = &self.model.price_covers;
        self.modifiers.iter().find(|modifier| !covered.contains(modifier)).copied()
    }

    /// Has every way that it may go a price?
    pub(crate) fn is_priced(&self) -> bool {
        self.routes.iter().all(|route| route.price.is_some())
    }
}

/// A call that was turned away before anything was held for it.
pub(crate) struct Turned {
    /// What the caller is told.
    pub(crate) refusal: Refusal,
    /// The key's rates, where they are known.
    pub(crate) standing: Option<Standing>,
    /// What is known of it.
    pub(crate) about: About,
}

impl From<Refusal> for Turned {
    fn from(refusal: Refusal) -> Turned {
        Turned::from(NotAdmitted::from(refusal))
    }
}

impl From<NotAdmitted> for Turned {
    fn from(not: NotAdmitted) -> Turned {
        Turned { refusal: not.refusal, standing: not.standing, about: not.about }
    }
}

/// Checks what would leave and where to. A refusal gives the tokens back, not the request.
pub(super) fn screen(desk: &Desk, caller: &Caller, admitted: Admitted) -> Result<Screened, Turned> {
    let Admitted { model, payload, delivery, work, state_asked_by, prompt, .. } = admitted;
    let Admitted { modifiers, about, output_bound_tokens, permit, .. } = admitted;
    let checked = without_state(state_asked_by).and_then(|()| allowed_routes(caller, &model));
    match checked {
        Ok(routes) => Ok(Screened {
            model,
            routes,
            usage_is_ours: payload.usage_wish.is_some(),
            payload,
            delivery,
            work,
            prompt,
            modifiers,
            about,
            output_bound_tokens,
            permit,
        }),
        Err(refusal) => {
            let now = desk.gateway.tools.clock.monotonic();
            permit.give_back_tokens(now);
            let standing = Some(permit.standing_now(now));
            Err(Turned { refusal, standing, about })
        }
    }
}

fn without_state(asked_by: Option<&'static str>) -> Result<(), Refusal> {
    asked_by.map_or(Ok(()), |param| Err(Refusal::StatefulNotAllowed { param }))
}

fn allowed_routes(caller: &Caller, model: &ModelPolicy) -> Result<Vec<Arc<Route>>, Refusal> {
    let allowed = |route: &&Arc<Route>| caller.environment.allows(route);
    let routes: Vec<_> = model.routes.iter().filter(allowed).cloned().collect();
    if routes.is_empty() { Err(Refusal::NoAllowedRegion) } else { Ok(routes) }
}
