//! A surface as a call sees it: its models, its budget, what it asks of a call.
//!
//! It must never offer a model that it does not list.

use std::sync::Arc;

use bastion_config::{Kind, Surface, TokenBudget};
use bastion_types::{Enforce, ModelName, SurfaceName};
use bytes::Bytes;

use super::model::ModelPolicy;
use super::money::SurfaceMoney;

/// What stands before a surface's name in place of a model's.
pub(crate) const ALIAS_PREFIX: &str = "surface:";

/// A use case.
pub(crate) struct SurfacePolicy {
    /// Its name.
    pub(crate) name: SurfaceName,
    /// Its models, the default first.
    pub(crate) models: Vec<Arc<ModelPolicy>>,
    /// How long its answers may be.
    pub(crate) budget: TokenBudget,
    /// Must a call name its end user?
    pub(crate) require_user: bool,
    /// Are its refusals applied?
    pub(crate) enforce: Enforce,
    /// What it may spend.
    pub(crate) money: SurfaceMoney,
    /// What `GET /v1/models/surface:NAME` answers.
    pub(crate) entry: Bytes,
}

impl SurfacePolicy {
    /// With its models, as they were found.
    pub(super) fn new(
        name: &SurfaceName,
        surface: &Surface,
        models: Vec<Arc<ModelPolicy>>,
    ) -> SurfacePolicy {
        // Names hold no character that JSON would escape.
        let entry = format!(
            r#"{{"id":"{ALIAS_PREFIX}{name}","object":"model","created":0,"owned_by":"bastion"}}"#
        );
        SurfacePolicy {
            name: name.clone(),
            models,
            budget: surface.max_tokens,
            require_user: surface.require_user,
            enforce: surface.enforce,
            money: SurfaceMoney { caps: surface.caps, enforce: surface.enforce },
            entry: Bytes::from(entry),
        }
    }

    /// May it use this model?
    pub(crate) fn lists(&self, model: &ModelName) -> bool {
        self.models.iter().any(|own| own.name == *model)
    }

    /// The first of its models that can be asked for this.
    pub(crate) fn first(&self, kind: Kind) -> Option<&Arc<ModelPolicy>> {
        self.models.iter().find(|model| model.kinds.contains(&kind))
    }
}
