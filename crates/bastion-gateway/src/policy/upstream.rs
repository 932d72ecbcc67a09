//! An upstream as a call sees it: address, credential and headers made ready.
//!
//! It must never print its credential.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use bastion_config::{HttpVersion, Scheme, Upstream, UpstreamTimeouts};
use bastion_outbound::{ExtraRoots, Proxies, Proxy, Versions, client_tls};
use bastion_types::{Region, UpstreamName};
use bastion_wire::Endpoint;
use http::{HeaderValue, Uri};
use rustls::ClientConfig;

use super::error::PolicyError;
use super::parts::PolicyParts;
use crate::breaker::Breaker;

/// Who answers calls, and how to reach it.
pub(crate) struct UpstreamPolicy {
    /// Its name in the configuration.
    pub(crate) name: UpstreamName,
    /// Where it computes.
    pub(crate) region: Option<Region>,
    /// Scheme, host, port and all that decides how a connection there is made, as text:
    /// connections of one origin are exchangeable.
    pub(crate) origin: Arc<str>,
    /// The host to connect to.
    pub(crate) host: String,
    /// The port to connect to.
    pub(crate) port: u16,
    /// Its name and region as callers read them in an answer's headers.
    pub(crate) told: (HeaderValue, Option<HeaderValue>),
    /// The `host` header.
    pub(crate) authority: HeaderValue,
    /// `Bearer …`; none while the reference resolves to nothing.
    pub(crate) authorization: Option<HeaderValue>,
    /// Each endpoint's path there.
    paths: Vec<(Endpoint, Uri)>,
    /// TLS, if the address asks for it.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// Which versions of HTTP it is offered.
    pub(crate) versions: Versions,
    /// What stands between here and there, if anything.
    pub(crate) proxy: Option<Proxy>,
    /// How long to wait for what, where a model says nothing else.
    pub(crate) timeouts: UpstreamTimeouts,
    /// How often a silent stream's caller gets a comment line.
    pub(crate) heartbeat: Duration,
    /// Shut while it fails.
    pub(crate) breaker: Arc<Breaker>,
}

impl UpstreamPolicy {
    /// The path of an endpoint there.
    pub(crate) fn path(&self, endpoint: Endpoint) -> Option<Uri> {
        let found = self.paths.iter().find(|(other, _)| *other == endpoint);
        found.map(|(_, path)| path.clone())
    }
}

/// Every upstream of the configuration.
pub(super) fn all(
    parts: &PolicyParts<'_>,
) -> Result<BTreeMap<UpstreamName, Arc<UpstreamPolicy>>, PolicyError> {
    let config = parts.config;
    let proxies = Proxies::from_environment()?;
    let each = |(name, upstream): (&UpstreamName, &Upstream)| {
        let policy = one((name, upstream), parts, &proxies)?;
        Ok((name.clone(), Arc::new(policy)))
    };
    config.upstreams.iter().map(each).collect()
}

fn one(
    (name, upstream): (&UpstreamName, &Upstream),
    parts: &PolicyParts<'_>,
    proxies: &Proxies,
) -> Result<UpstreamPolicy, PolicyError> {
    let url = &upstream.base_url;
    let header = |text: String, why| {
        HeaderValue::try_from(text).map_err(|_| PolicyError::Unusable(name.to_string(), why))
    };
    let authorization = parts
        .credentials
        .get(name)
        .map(|secret| header(format!("Bearer {}", secret.expose()), "its key cannot be sent"))
        .transpose()?
        .map(|mut value| {
            value.set_sensitive(true);
            value
        });
    let path = |endpoint: Endpoint| {
        Uri::try_from(endpoint.path_at(&url.path))
            .map(|path| (endpoint, path))
            .map_err(|_| PolicyError::Unusable(name.to_string(), "its path cannot be sent"))
    };
    let paths = Endpoint::ALL.into_iter().map(path).collect::<Result<_, _>>()?;
    let region = upstream.region.as_ref().map(ToString::to_string);
    let region = region.map(|region| header(region, "its region cannot be told")).transpose()?;
    let connecting = Connecting::new(name, upstream, proxies)?;
    let Connecting { origin, tls, versions, proxy } = connecting;
    Ok(UpstreamPolicy {
        name: name.clone(),
        region: upstream.region.clone(),
        origin,
        host: url.host.clone(),
        port: url.port,
        told: (header(name.to_string(), "its name cannot be told")?, region),
        authority: header(url.authority(), "its host cannot be sent")?,
        authorization,
        paths,
        tls,
        versions,
        proxy,
        timeouts: upstream.timeout,
        heartbeat: upstream.heartbeat.duration(),
        breaker: parts.breakers.of(name),
    })
}

/// How connections to an upstream are made.
struct Connecting {
    origin: Arc<str>,
    tls: Option<Arc<ClientConfig>>,
    versions: Versions,
    proxy: Option<Proxy>,
}

impl Connecting {
    fn new(
        name: &UpstreamName,
        upstream: &Upstream,
        proxies: &Proxies,
    ) -> Result<Connecting, PolicyError> {
        let url = &upstream.base_url;
        let versions = match upstream.http {
            HttpVersion::Auto => Versions::Auto,
            HttpVersion::Http11 => Versions::Http11,
            HttpVersion::Http2 => Versions::Http2,
        };
        let roots = upstream.ca.as_ref().map(|ca| ExtraRoots::read(&ca.path)).transpose();
        let roots = roots.map_err(|cause| PolicyError::Roots(name.to_string(), cause))?;
        let tls = match url.scheme {
            Scheme::Https => Some(client_tls(versions, roots.as_ref())?),
            Scheme::Http => None,
        };
        let proxy = proxies.before(url.scheme.as_str(), &url.host, url.port);
        // Whoever is trusted otherwise, or reached otherwise, is another origin: a reload that
        // takes a CA away must not go on over connections that were made with it.
        let mut way = DefaultHasher::new();
        (versions, &roots, &proxy).hash(&mut way);
        let (scheme, way) = (url.scheme.as_str(), way.finish());
        let origin = format!("{scheme}://{}:{} {way:016x}", url.host, url.port).into();
        Ok(Connecting { origin, tls, versions, proxy })
    }
}

#[cfg(test)]
impl UpstreamPolicy {
    /// The only one of a configuration that names it so.
    pub(crate) fn at(base_url: &str, lines: &str) -> UpstreamPolicy {
        let text = format!(
            "[upstreams.one]\nbase_url = \"{base_url}\"\napi_key = \"env:KEY\"\n{lines}\n\
             [models.m]\nupstream = \"one\"\nkind = \"chat\"\n[environments.dev]\n"
        );
        let file = Some((std::path::PathBuf::from("bastion.toml"), text));
        let sources = bastion_config::Sources { file, environment: Vec::new() };
        let loaded = bastion_config::load(&sources);
        let config = loaded.unwrap_or_else(|report| panic!("{report:?}")).config;
        let breakers = crate::breaker::Breakers::default();
        let credentials = std::collections::HashMap::new();
        let parts = PolicyParts { config: &config, credentials, breakers: &breakers };
        let (_, only) = all(&parts).unwrap().pop_first().unwrap();
        Arc::into_inner(only).unwrap()
    }
}
