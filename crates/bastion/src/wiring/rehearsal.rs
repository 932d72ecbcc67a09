//! The rehearsal: a second house in this process, of the deployment's own rules, before a simulated
//! upstream, with a scratch store, on free ports of loopback.
//!
//! It must never see a real credential, a real upstream or the deployment's store.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::sync::Arc;

use bastion_config::{
    BaseUrl, Config, HttpVersion, Kind, LimitsUrl, Loaded, Prepaid, Report, Route, Scheme,
};
use bastion_drills::{NoRehearsal, OpenRehearsal, Opening, Rehearsal, Rehearse};
use bastion_observe::{Deployment, LogSink, Redactor};
use bastion_runtime::{Drain, Tasks};
use bastion_sim::{Sim, SimOptions};
use bastion_store::NewKey;
use bastion_types::{
    ApiKey, EnvironmentName, ModelName, Region, Secret, ServiceName, Span, SurfaceName,
    UpstreamName,
};
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use super::credentials::Credentials;
use super::deployment::RunningDeployment;
use super::house::{House, Plan, Storage};
use super::log::Log;

/// What the rehearsal's own end may take.
const DRAIN: Span = Span::from_secs(1);

/// Before an upstream's name, so that a line of the log cannot be taken for the real one's.
const PREFIX: &str = "rehearsal-";

/// Letters of an upstream's name at most.
const LONGEST_NAME: usize = 63;

/// Where the simulated upstream's API begins.
const API_PATH: &str = "/v1";

/// Who calls there.
const SERVICE: &str = "drill";

/// Opens rehearsals of the deployment that runs.
struct Rehearsals {
    deployment: Arc<RunningDeployment>,
    log: Log,
}

/// What opens rehearsals of this deployment.
pub(crate) fn rehearsals(deployment: Arc<RunningDeployment>, log: Log) -> Arc<dyn Rehearse> {
    Arc::new(Rehearsals { deployment, log })
}

impl Rehearse for Rehearsals {
    fn open<'a>(&'a self, environment: &'a EnvironmentName) -> Opening<'a> {
        Box::pin(async {
            let opened = self.opened(environment).await;
            opened.map_err(|cause| NoRehearsal(format!("{cause:#}")))
        })
    }
}

impl Rehearsals {
    async fn opened(&self, environment: &EnvironmentName) -> anyhow::Result<OpenRehearsal> {
        let config = self.deployment.config();
        let more_models = models_there(&config);
        let sim = Sim::bind(SimOptions { more_models, ..SimOptions::default() })?;
        let staged = staged(&config, environment, sim.address())?;
        let (log, controls) = (sim.log(), sim.controls());
        let given = staged.upstreams.keys().map(|name| {
            let key = ApiKey::generate(environment)?;
            Ok((name.clone(), Secret::new(key.reveal().to_owned())))
        });
        let given: HashMap<UpstreamName, Secret> = given.collect::<anyhow::Result<_>>()?;
        let tasks = Tasks::new();
        let drain = Drain::new();
        tasks.spawn(Box::pin(sim.serve(drain.clone())));
        let plan = Plan {
            loaded: Loaded { config: staged, shown: Vec::new(), warnings: Report::default() },
            path: None,
            storage: Storage::Memory,
            credentials: Credentials::Given(given),
            rehearse: rehearsals,
            // Its records of calls are nobody's, and its keys open nothing but itself.
            log: Log {
                sink: LogSink::silent(),
                redactor: Arc::new(Redactor::default()),
                ..self.log.clone()
            },
        };
        // That this house migrates, drains and is gone is not to be taken for the real one's.
        let house = match Box::pin(House::open(plan).with_subscriber(NoSubscriber::new())).await {
            Ok(house) => house,
            Err(cause) => {
                drain.begin();
                tasks.finished().await;
                return Err(cause);
            }
        };
        let (key, _) = house.store.keys().create(key_of(&config, environment)?).await?;
        let rehearsal = Rehearsal {
            callers: house.callers,
            key,
            log,
            controls,
            retry: config.retry,
            chat_model: model_of(&config, environment, Kind::Chat),
            responses_model: model_of(&config, environment, Kind::Responses),
            surfaces: surfaces_of(&config, environment),
        };
        let close = Box::pin(async move {
            Box::pin(house.close().with_subscriber(NoSubscriber::new())).await;
            drain.begin();
            tasks.finished().await;
        });
        Ok(OpenRehearsal { rehearsal, close })
    }
}

/// Every name that a model has at an upstream.
fn models_there(config: &Config) -> Vec<String> {
    let named = config.models.iter().flat_map(|(name, model)| {
        let there = model.routes.iter().filter_map(|route| route.model.as_ref());
        there.chain([name]).map(ToString::to_string)
    });
    named.collect()
}

fn key_of(config: &Config, environment: &EnvironmentName) -> anyhow::Result<NewKey> {
    Ok(NewKey {
        organization: config.organization.clone(),
        environment: environment.clone(),
        service: ServiceName::parse(SERVICE)?,
        expires_at: None,
        rpm: None,
        tpm: None,
        concurrency: None,
        bonds: bastion_store::KeyBonds::default(),
    })
}

/// The deployment's rules with every upstream replaced; each model keeps the first upstream that
/// the environment may use, so that a drill sees the policy at one upstream.
fn staged(
    config: &Config,
    environment: &EnvironmentName,
    sim: SocketAddr,
) -> anyhow::Result<Config> {
    let mut staged = config.clone();
    let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    staged.server.listen = free;
    staged.server.tls = None;
    staged.server.environments = None;
    staged.server.threads = Some(NonZeroUsize::MIN);
    staged.server.timeout.drain = DRAIN;
    staged.operator.listen = free;
    staged.limits.url = LimitsUrl::Local;
    if staged.prepaid == Prepaid::Always {
        // Nobody pays into a scratch store.
        staged.prepaid = Prepaid::Auto;
    }
    staged.waivers = Vec::new();
    let url = BaseUrl {
        scheme: Scheme::Http,
        host: sim.ip().to_string(),
        port: sim.port(),
        path: API_PATH.to_owned(),
    };
    let mut upstreams = BTreeMap::new();
    for (name, upstream) in &config.upstreams {
        let mut upstream = upstream.clone();
        upstream.base_url = url.clone();
        upstream.ca = None;
        upstream.http = HttpVersion::Auto;
        upstreams.insert(rehearsed(name)?, upstream);
    }
    staged.upstreams = upstreams;
    for model in staged.models.values_mut() {
        let allowed = |route: &&Route| is_allowed(config, environment, &route.upstream);
        let first = model.routes.iter().find(allowed).or(model.routes.first());
        let Some(mut route) = first.cloned() else { continue };
        route.upstream = rehearsed(&route.upstream)?;
        model.routes = vec![route];
    }
    Ok(staged)
}

fn rehearsed(name: &UpstreamName) -> anyhow::Result<UpstreamName> {
    // Two that are cut to the same name share the simulated upstream anyway.
    let name: String = format!("{PREFIX}{name}").chars().take(LONGEST_NAME).collect();
    Ok(UpstreamName::parse(&name)?)
}

/// May this environment's calls go there?
fn is_allowed(config: &Config, environment: &EnvironmentName, upstream: &UpstreamName) -> bool {
    let regions = config.environments.get(environment).map(|settings| settings.regions.as_slice());
    let regions = regions.unwrap_or_default();
    let region: Option<&Region> =
        config.upstreams.get(upstream).and_then(|upstream| upstream.region.as_ref());
    regions.is_empty()
        || region.is_some_and(|region| regions.iter().any(|wider| region.within(wider)))
}

/// The first model of a kind that the environment can reach.
fn model_of(config: &Config, environment: &EnvironmentName, kind: Kind) -> Option<ModelName> {
    let reached = config.models.iter().filter(|(_, model)| {
        let allowed = |route: &Route| is_allowed(config, environment, &route.upstream);
        model.kinds.contains(&kind) && model.routes.iter().any(allowed)
    });
    // Where calls must name a use case, a model that none has cannot be called.
    let surfaces = surfaces_of(config, environment);
    let mut callable = reached.filter(|(name, _)| {
        !must_name_surface(config, environment) || surfaces.contains_key(*name)
    });
    callable.next().map(|(name, _)| name.clone())
}

fn must_name_surface(config: &Config, environment: &EnvironmentName) -> bool {
    config.environments.get(environment).is_some_and(|settings| settings.require_surface)
}

/// Where calls must name a use case: for each model the first that has it.
fn surfaces_of(config: &Config, environment: &EnvironmentName) -> BTreeMap<ModelName, SurfaceName> {
    let mut surfaces = BTreeMap::new();
    if must_name_surface(config, environment) {
        for (name, surface) in &config.surfaces {
            for model in &surface.models {
                surfaces.entry(model.clone()).or_insert_with(|| name.clone());
            }
        }
    }
    surfaces
}
