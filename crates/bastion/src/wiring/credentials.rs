//! The upstreams' keys: resolved at the start and with every reload, hidden from every sink.
//!
//! It must never keep a key that the redactor does not know.

use std::collections::HashMap;

use bastion_config::{Config, LimitsUrl, SecretReference};
use bastion_observe::{Check, Readiness, Redactor, Standing};
use bastion_outbound::resolve;
use bastion_types::{Secret, UpstreamName};

/// Where the upstreams' keys come from.
pub(crate) enum Credentials {
    /// The configuration's references.
    References,
    /// The simulated upstream's own, in `demo`.
    Given(HashMap<UpstreamName, Secret>),
}

impl Credentials {
    /// The keys that resolve; what does not makes the process not ready.
    ///
    /// # Errors
    /// When a file with a key can be read by others.
    pub(crate) fn resolve(
        &self,
        config: &Config,
        redactor: &Redactor,
        readiness: &Readiness,
    ) -> anyhow::Result<HashMap<UpstreamName, Secret>> {
        let mut resolved = match self {
            Credentials::Given(given) => given.clone(),
            Credentials::References => HashMap::new(),
        };
        let mut missing = Vec::new();
        for (name, upstream) in &config.upstreams {
            if resolved.contains_key(name) {
                continue;
            }
            match resolve(&upstream.api_key) {
                Ok(secret) => drop(resolved.insert(name.clone(), secret)),
                Err(cause) if cause.forbids_start() => {
                    anyhow::bail!("upstreams.{name}.api_key: {cause}")
                }
                Err(cause) => missing.push(format!("upstreams.{name}.api_key: {cause}")),
            }
        }
        // Of the limits it is only looked whether they resolve: who opens them reads them.
        for (setting, reference) in limits_references(config) {
            missing.extend(resolve(reference).err().map(|cause| format!("{setting}: {cause}")));
        }
        for secret in resolved.values() {
            redactor.hide(secret);
        }
        let standing =
            if missing.is_empty() { Standing::Stands } else { Standing::Fails(missing.join("; ")) };
        readiness.set(Check::Credentials, standing);
        Ok(resolved)
    }
}

fn limits_references(config: &Config) -> impl Iterator<Item = (&'static str, &SecretReference)> {
    let url = match &config.limits.url {
        LimitsUrl::Reference(reference) => Some(("limits.url", reference)),
        LimitsUrl::Local | LimitsUrl::Redis(_) => None,
    };
    let password = config.limits.password.as_ref().map(|password| ("limits.password", password));
    // Where this process counts for itself, no password is asked for.
    let is_local = config.limits.url == LimitsUrl::Local;
    url.into_iter().chain(password).filter(move |_| !is_local)
}
