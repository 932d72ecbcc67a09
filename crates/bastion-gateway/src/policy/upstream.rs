//! An upstream as a call sees it: address, credential and headers made ready.
//!
//! It must never print its credential.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bastion_config::{HttpVersion, Scheme, Upstream, UpstreamTimeouts};
use bastion_outbound::{Offer, Origin, Proxies, client_tls, read_roots};
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
    /// Scheme, host, port and how they are spoken to, as text: connections of one are exchangeable.
    pub(crate) origin: Arc<str>,
    /// How it is reached.
    pub(crate) way: Origin,
    /// HTTP/2 is spoken without asking, on plain TCP.
    pub(crate) prior_http2: bool,
    /// Its name and region as callers read them in an answer's headers.
    pub(crate) told: (HeaderValue, Option<HeaderValue>),
    /// The `host` header.
    pub(crate) authority: HeaderValue,
    /// `Bearer …`; none while the reference resolves to nothing.
    pub(crate) authorization: Option<HeaderValue>,
    /// Each endpoint's path there.
    paths: Vec<(Endpoint, Uri)>,
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
    let proxies = Proxies::from_environment();
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
        Uri::try_from(format!("{}{}", url.path, endpoint.upstream_path()))
            .map(|path| (endpoint, path))
            .map_err(|_| PolicyError::Unusable(name.to_string(), "its path cannot be sent"))
    };
    let paths = Endpoint::ALL.into_iter().map(path).collect::<Result<_, _>>()?;
    let secure = url.scheme == Scheme::Https;
    let region = upstream.region.as_ref().map(ToString::to_string);
    let region = region.map(|region| header(region, "its region cannot be told")).transpose()?;
    Ok(UpstreamPolicy {
        name: name.clone(),
        region: upstream.region.clone(),
        origin: origin(upstream).into(),
        way: Origin {
            host: url.host.clone(),
            port: url.port,
            tls: if secure { Some(tls_of(upstream)?) } else { None },
            proxy: proxies.to(url.scheme.as_str(), &url.host, url.port)?,
        },
        prior_http2: !secure && upstream.http == HttpVersion::Http2,
        told: (header(name.to_string(), "its name cannot be told")?, region),
        authority: header(url.authority(), "its host cannot be sent")?,
        authorization,
        paths,
        timeouts: upstream.timeout,
        heartbeat: upstream.heartbeat.duration(),
        breaker: parts.breakers.of(name),
    })
}

fn origin(upstream: &Upstream) -> String {
    let (url, http) = (&upstream.base_url, upstream.http);
    let ca = upstream.ca.as_ref().map(ToString::to_string).unwrap_or_default();
    format!("{}://{}:{} {http:?} {ca}", url.scheme.as_str(), url.host, url.port)
}

/// TLS with the roots and the versions of HTTP that the upstream's settings name.
fn tls_of(upstream: &Upstream) -> Result<Arc<ClientConfig>, PolicyError> {
    let offer = match upstream.http {
        HttpVersion::Auto => Offer::Both,
        HttpVersion::Http11 => Offer::Http11,
        HttpVersion::Http2 => Offer::Http2,
    };
    let roots = upstream.ca.as_ref().map(|file| read_roots(&file.path)).transpose()?;
    Ok(client_tls(offer, roots.unwrap_or_default())?)
}
