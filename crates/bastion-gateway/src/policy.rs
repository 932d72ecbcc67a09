//! What the configuration means for a call, made ready once: look-ups, header values, addresses.
//!
//! It must never be changed in place: a reload makes a new one, and each call keeps the one that
//! it began with.

mod environment;
mod error;
mod model;
mod money;
mod parts;
mod retry;
mod route;
mod surface;
mod upstream;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bastion_config::Kind;
use bastion_store::Prepaid;
use bastion_types::{EnvironmentName, ModelName, Network, SurfaceName};
use http::HeaderName;

pub(crate) use environment::EnvironmentPolicy;
pub use error::PolicyError;
pub(crate) use model::ModelPolicy;
pub use parts::PolicyParts;
pub(crate) use retry::RetryPolicy;
pub(crate) use route::Route;
pub(crate) use surface::{ALIAS_PREFIX, SurfacePolicy};
pub(crate) use upstream::UpstreamPolicy;

/// Everything that a call asks about the configuration.
pub struct Policy {
    models: HashMap<ModelName, Arc<ModelPolicy>>,
    surfaces: HashMap<SurfaceName, Arc<SurfacePolicy>>,
    environments: HashMap<EnvironmentName, Arc<EnvironmentPolicy>>,
    served: Option<Vec<EnvironmentName>>,
    /// Whose `x-forwarded-for` counts.
    pub(crate) trusted_proxies: Vec<Network>,
    /// When an empty balance refuses.
    pub(crate) prepaid: Prepaid,
    /// How often, how soon and how long a call is tried.
    pub(crate) retry: RetryPolicy,
    /// Most bytes of a request's body.
    pub(crate) max_body_bytes: u64,
    /// For a request's whole body.
    pub(crate) body_timeout: Duration,
    /// Headers of the caller's that go on, beside the fixed list.
    pub(crate) forward_headers: Vec<HeaderName>,
}

impl Policy {
    /// Makes a configuration ready for calls.
    ///
    /// # Errors
    /// When TLS cannot be set up, or a key cannot stand in a header.
    pub fn new(parts: PolicyParts<'_>) -> Result<Policy, PolicyError> {
        let config = parts.config;
        let upstreams = upstream::all(&parts)?;
        let models = config.models.iter().filter_map(|(name, model)| {
            let route = |route: &bastion_config::Route| {
                let upstream = Arc::clone(upstreams.get(&route.upstream)?);
                Some(Arc::new(Route::new(name, model, route, upstream)))
            };
            let routes = model.routes.iter().filter_map(route).collect();
            Some((name.clone(), Arc::new(ModelPolicy::new(name, model, routes)?)))
        });
        let models: HashMap<ModelName, Arc<ModelPolicy>> = models.collect();
        let surfaces = config.surfaces.iter().map(|(name, surface)| {
            let own = surface.models.iter().filter_map(|model| models.get(model).cloned());
            (name.clone(), Arc::new(SurfacePolicy::new(name, surface, own.collect())))
        });
        let environment = |(name, environment): (&EnvironmentName, &_)| {
            (name.clone(), Arc::new(EnvironmentPolicy::new(environment)))
        };
        let header = |name: &String| {
            HeaderName::try_from(name.as_str())
                .map_err(|_| PolicyError::Unusable(name.clone(), "it is no header's name"))
        };
        Ok(Policy {
            surfaces: surfaces.collect(),
            models,
            environments: config.environments.iter().map(environment).collect(),
            served: config.server.environments.clone(),
            trusted_proxies: config.server.trusted_proxies.clone(),
            prepaid: money::prepaid(config.prepaid),
            retry: RetryPolicy::new(&config.retry),
            max_body_bytes: config.server.max_body_bytes,
            body_timeout: config.server.timeout.body.duration(),
            forward_headers: config
                .server
                .forward_headers
                .iter()
                .map(header)
                .collect::<Result<_, _>>()?,
        })
    }

    /// What an environment asks of its calls, if its keys may enter here. Box
    /// `credentials.separate-keys`.
    pub(crate) fn served(&self, name: &EnvironmentName) -> Option<&Arc<EnvironmentPolicy>> {
        let listed = self.served.as_ref().is_none_or(|served| served.contains(name));
        self.environments.get(name).filter(|_| listed)
    }

    /// A surface.
    pub(crate) fn surface(&self, name: &str) -> Option<&Arc<SurfacePolicy>> {
        self.surfaces.get(name)
    }

    /// The surfaces that a key of this environment may name, by name: its own, or all if it is
    /// bound to none; only those with a model that can be reached.
    pub(crate) fn usable_surfaces(
        &self,
        environment: &EnvironmentPolicy,
        own: &[SurfaceName],
    ) -> Vec<&Arc<SurfacePolicy>> {
        let usable = |surface: &&Arc<SurfacePolicy>| {
            (own.is_empty() || own.contains(&surface.name))
                && surface.models.iter().any(|model| environment.reaches(model))
        };
        let mut surfaces: Vec<_> = self.surfaces.values().filter(usable).collect();
        surfaces.sort_by(|one, other| one.name.cmp(&other.name));
        surfaces
    }

    /// A model that this environment may use for this kind of call.
    pub(crate) fn model(&self, name: &str, kind: Kind) -> Option<&Arc<ModelPolicy>> {
        self.models.get(name).filter(|model| model.kinds.contains(&kind))
    }

    /// The model that speaks this language with this voice; one with voices of its own goes before
    /// one for all.
    pub(crate) fn speaker(&self, language: &str, voice: Option<&str>) -> Option<&Arc<ModelPolicy>> {
        let speaks = |model: &&Arc<ModelPolicy>| {
            model.kinds.contains(&Kind::Speech) && model.speech.serves(language, voice)
        };
        self.models.values().filter(speaks).max_by_key(|model| !model.speech.voices.is_empty())
    }

    /// The models that a key of this environment may use, by name: exactly those that an upstream
    /// in an allowed region answers for, and that its surfaces list if it is bound to any.
    pub(crate) fn usable_models(
        &self,
        environment: &EnvironmentPolicy,
        own: &[SurfaceName],
    ) -> Vec<&Arc<ModelPolicy>> {
        let usable = |model: &&Arc<ModelPolicy>| {
            let lists = |name| self.surface(name).is_some_and(|own| own.lists(&model.name));
            environment.reaches(model)
                && (own.is_empty() || own.iter().any(|name| lists(name.as_str())))
        };
        let mut models: Vec<_> = self.models.values().filter(usable).collect();
        models.sort_by(|one, other| one.name.cmp(&other.name));
        models
    }
}
