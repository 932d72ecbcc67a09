//! Which surface a call belongs to: by its key, a header, or an alias in place of a model.
//!
//! It must never let a call choose a surface that its key is not bound to.

use std::sync::Arc;

use bastion_types::{Refusal, SurfaceName};
use http::{HeaderMap, HeaderName};

use crate::path::authenticate::Caller;
use crate::policy::{ALIAS_PREFIX, SurfacePolicy};

/// The header that names it.
const SURFACE: &str = "bastion-surface";
static HEADER: HeaderName = HeaderName::from_static(SURFACE);

/// Most surfaces that a message lists.
const MOST_NAMED: usize = 8;

/// The surface that the header names.
pub(super) fn of_header(
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Option<Arc<SurfacePolicy>>, Refusal> {
    let mut values = headers.get_all(&HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::invalid_field(
            SURFACE,
            "'bastion-surface' stands twice; send it once",
        ));
    }
    let found = value.to_str().ok().and_then(|name| caller.policy.surface(name));
    found.cloned().map(Some).ok_or_else(|| {
        let known = caller.policy.usable_surfaces(&caller.environment, &caller.key.bonds.surfaces);
        let names: Vec<&str> =
            known.iter().take(MOST_NAMED).map(|surface| surface.name.as_str()).collect();
        let message = match names.as_slice() {
            [] => "'bastion-surface' names a surface, and there are none here; leave it out".into(),
            names => {
                format!(
                    "'bastion-surface' names no surface of this key, such as {}",
                    names.join(", ")
                )
            }
        };
        Refusal::invalid_field(SURFACE, message)
    })
}

/// The surface that stands in place of a model; none: it is a model's own name.
pub(super) fn of_alias(caller: &Caller, name: &str) -> Option<Result<Arc<SurfacePolicy>, Refusal>> {
    let alias = name.strip_prefix(ALIAS_PREFIX)?;
    let found = caller.policy.surface(alias).filter(|surface| is_own(caller, &surface.name));
    let unknown = || Refusal::ModelNotFound { model: name.to_owned() };
    Some(found.cloned().ok_or_else(unknown))
}

/// The one surface of a call, whatever names it.
pub(super) fn agree(
    caller: &Caller,
    header: Option<Arc<SurfacePolicy>>,
    alias: Option<Arc<SurfacePolicy>>,
) -> Result<Option<Arc<SurfacePolicy>>, Refusal> {
    if let (Some(header), Some(alias)) = (&header, &alias)
        && header.name != alias.name
    {
        let message = format!(
            "'bastion-surface' names '{}' and the model names '{}'; name one surface",
            header.name, alias.name
        );
        return Err(Refusal::invalid_field(SURFACE, message));
    }
    if let Some(named) = alias.or(header) {
        if is_own(caller, &named.name) {
            return Ok(Some(named));
        }
        let message = format!(
            "this key is bound to {}, not to the surface '{}'",
            list(&caller.key.bonds.surfaces),
            named.name
        );
        return Err(Refusal::invalid_field(SURFACE, message));
    }
    match caller.key.bonds.surfaces.as_slice() {
        [] => Ok(None),
        // A surface that left the configuration opens nothing.
        [only] => caller.policy.surface(only.as_str()).cloned().map(Some).ok_or_else(|| {
            let message = format!(
                "this key is bound to the surface '{only}', which is no longer configured; tell \
                 the operators"
            );
            Refusal::invalid_field(SURFACE, message)
        }),
        several => {
            let message = format!("this key is bound to {}; name one of them", list(several));
            Err(Refusal::invalid_field(SURFACE, message))
        }
    }
}

fn is_own(caller: &Caller, name: &SurfaceName) -> bool {
    caller.key.bonds.surfaces.is_empty() || caller.key.bonds.surfaces.contains(name)
}

fn list(names: &[SurfaceName]) -> String {
    let names: Vec<&str> = names.iter().take(MOST_NAMED).map(SurfaceName::as_str).collect();
    names.join(", ")
}
