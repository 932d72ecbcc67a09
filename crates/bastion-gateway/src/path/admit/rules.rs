//! What the operators ask of a call: a surface, its models, its budget, an end user's id.
//!
//! It must never apply a rule that is only observed, and never leave one undecided.

use bastion_config::{AboveCeiling, TokenBudget};
use bastion_types::{Enforce, Refusal};

use super::budget;
use super::wanted::Wanted;
use crate::path::authenticate::Caller;

/// Refusals are applied, or the first is kept.
struct Rules {
    enforce: Enforce,
    observed: Option<Refusal>,
}

/// Holds a call to the rules; a budget is written into it. Returns what was only observed.
///
/// # Errors
/// The first rule that the call breaks, unless refusals are observed.
pub(super) fn apply(caller: &Caller, wanted: &mut Wanted) -> Result<Option<Refusal>, Refusal> {
    let environment = &caller.environment;
    let surface = wanted.surface.clone();
    let says = [
        Some(environment.enforce),
        surface.as_ref().map(|surface| surface.enforce),
        Some(caller.key.bonds.enforce),
    ];
    let enforce =
        if says.contains(&Some(Enforce::Observe)) { Enforce::Observe } else { Enforce::On };
    let mut rules = Rules { enforce, observed: None };
    if surface.is_none() && environment.require_surface {
        rules.broken(no_surface())?;
    }
    let Some(surface) = surface else {
        rules.user(wanted, environment.require_user)?;
        return Ok(rules.observed);
    };
    if !surface.lists(&wanted.model.name) {
        let (surface, model) = (surface.name.clone(), wanted.model.name.clone());
        rules.broken(Refusal::SurfaceModelNotAllowed { surface, model })?;
    }
    rules.user(wanted, surface.require_user || environment.require_user)?;
    rules.budget(wanted, surface.budget)?;
    Ok(rules.observed)
}

impl Rules {
    fn broken(&mut self, refusal: Refusal) -> Result<(), Refusal> {
        match self.enforce {
            Enforce::On => Err(refusal),
            Enforce::Observe => {
                self.observed.get_or_insert(refusal);
                Ok(())
            }
        }
    }

    fn user(&mut self, wanted: &Wanted, required: bool) -> Result<(), Refusal> {
        let named = wanted.user.as_ref().is_some_and(|user| !user.trim().is_empty());
        if required && !named { self.broken(Refusal::UserRequired) } else { Ok(()) }
    }

    /// A budget that is only observed changes nothing.
    fn budget(&mut self, wanted: &mut Wanted, budget: TokenBudget) -> Result<(), Refusal> {
        let Some(limits) = &wanted.limits else { return Ok(()) };
        let usual = limits.own.first().copied().unwrap_or_default();
        let own = wanted.model.limit_field;
        let spelling = if limits.own.contains(&own) { own } else { usual };
        if self.enforce == Enforce::Observe {
            let told = TokenBudget { above: AboveCeiling::Refuse, ..budget };
            return budget::apply(told, limits, spelling)
                .map_or_else(|r| self.broken(r), |_| Ok(()));
        }
        let budgeted = budget::apply(budget, limits, spelling)?;
        wanted.payload.limits = budgeted.edits;
        if let Some(limit) = wanted.model.bounding(budgeted.limit_tokens) {
            wanted.work = wanted.work.limited(Some(limit));
        }
        wanted.asked_tokens = budgeted.asked_tokens.or(wanted.asked_tokens);
        Ok(())
    }
}

fn no_surface() -> Refusal {
    Refusal::invalid_field(
        "bastion-surface",
        "this environment asks every call for its surface (box cost.model-choice); send the header \
         'bastion-surface', or \"surface:NAME\" as the model; GET /v1/models lists them",
    )
}
