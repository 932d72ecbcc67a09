//! One running Bastion: everything opened in order, served, and closed in the reverse order.
//!
//! It must never open a port before the configuration is whole, and closes the store last.

use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bastion_config::{Config, Loaded};
use bastion_console::{OperatorTools, Operators};
use bastion_drills::{Hall, HallTools, PolicySeen, Rehearse};
use bastion_gateway::{Breakers, Callers, Gateway, Policy, PolicyParts, Tools};
use bastion_jobs::JobTools;
use bastion_limits::{Limits, Nodes};
use bastion_observe::{Check, Deployment, Metrics, Readiness, Sightings, Standing, call_sink};
use bastion_runtime::{
    ConnectionLimits, Drain, Listener, Tasks, Threads, Tls, TokioClock, accept_here, accept_onto,
};
use bastion_store::{Place, Store, UnknownOutcome};
use bastion_types::{Clock, Secret};

use super::credentials::Credentials;
use super::deployment::{Reloading, RunningDeployment, tls_files};
use super::limits::{Told, open_limits};
use super::log::Log;
use super::operator_token;
use super::place::place;
use super::signals::{Signals, Wish};

/// Bytes of a request's head before hyper refuses to read on; the door's own limit is lower.
const MAX_HEAD_BYTES: u32 = 64 * 1024;

/// How often the limits learn how many nodes there are.
const COUNT_NODES: Duration = Duration::from_secs(1);

/// What a house is built from.
pub(crate) struct Plan {
    /// The configuration.
    pub(crate) loaded: Loaded,
    /// Where it came from, for a reload.
    pub(crate) path: Option<PathBuf>,
    /// Where keys and records are kept.
    pub(crate) storage: Storage,
    /// Where the upstreams' keys come from.
    pub(crate) credentials: Credentials,
    /// The log.
    pub(crate) log: Log,
    /// What opens rehearsals of the house: houses themselves, so it is handed in.
    pub(crate) rehearse: fn(Arc<RunningDeployment>, Log) -> Arc<dyn Rehearse>,
}

/// Where keys and records are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storage {
    /// Where the configuration says.
    Configured,
    /// In memory: gone with the process.
    Memory,
}

/// A Bastion that accepts calls.
pub(crate) struct House {
    /// Where callers connect.
    pub(crate) callers: SocketAddr,
    /// Where operators connect.
    pub(crate) operators: SocketAddr,
    /// What operators show.
    pub(crate) token: Secret,
    /// Keys and records.
    pub(crate) store: Store,
    ground: Ground,
    rehearse: fn(Arc<RunningDeployment>, Log) -> Arc<dyn Rehearse>,
    reloading: Reloading,
    /// Acceptors, threads, operators and the writer of records.
    tasks: Tasks,
}

/// What everything in the house stands on.
#[derive(Clone)]
struct Ground {
    clock: Arc<dyn Clock>,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    sightings: Arc<Sightings>,
    log: Log,
    drain: Drain,
    breakers: Arc<Breakers>,
}

impl Ground {
    fn new(log: Log) -> Ground {
        Ground {
            clock: Arc::new(TokioClock::start()),
            readiness: Readiness::default(),
            metrics: Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), Arc::clone(&log.redactor))),
            sightings: Arc::new(Sightings::new(Arc::clone(&log.redactor))),
            drain: Drain::new(),
            breakers: Arc::default(),
            log,
        }
    }
}

impl House {
    /// Opens everything.
    ///
    /// # Errors
    /// When a port, the store or a credential is not to be had; the text says the next step.
    pub(crate) async fn open(plan: Plan) -> anyhow::Result<House> {
        let Plan { loaded, path, storage, credentials, log, rehearse } = plan;
        let config = loaded.config.clone();
        let tls = config.server.tls.as_ref().map(|tls| Tls::read(tls_files(tls))).transpose()?;
        let ground = Ground::new(log.clone());
        let resolved = credentials.resolve(&config, &log.redactor, &ground.readiness)?;
        let breakers = &ground.breakers;
        let policy = Policy::new(PolicyParts { config: &config, credentials: resolved, breakers })?;
        let callers = Listener::bind(config.server.listen)?;
        let operators = Listener::bind(config.operator.listen)?;
        let (store, token) = open_store(&config, storage, &ground).await?;
        end_abandoned_drills(&store, &ground).await;
        let tasks = Tasks::new();
        let told =
            Told { metrics: Arc::clone(&ground.metrics), readiness: ground.readiness.clone() };
        let nodes = Nodes::default();
        tasks.spawn(count_nodes(store.clone(), nodes.clone(), ground.drain.clone()));
        let shared = (nodes, &tasks);
        let limits = open_limits(&config.limits, told, shared, &ground.log.redactor).await?;
        let gateway = gateway(&ground, &store, (policy, limits), &tasks);
        let running = Arc::new(RunningDeployment::new(loaded));
        let reloading = Reloading {
            path,
            credentials,
            log,
            metrics: Arc::clone(&ground.metrics),
            readiness: ground.readiness.clone(),
            gateway,
            running,
            tls: tls.map(Arc::new),
        };
        let house = House {
            callers: callers.address(),
            operators: operators.address(),
            token,
            store,
            ground,
            rehearse,
            reloading,
            tasks,
        };
        house.accept(callers, operators, &config)?;
        Ok(house)
    }

    /// Both listeners begin to answer, and the jobs to run.
    fn accept(
        &self,
        callers: Listener,
        operators: Listener,
        config: &Config,
    ) -> anyhow::Result<()> {
        let Ground { clock, readiness, metrics, drain, .. } = self.ground.clone();
        let gateway = Arc::clone(&self.reloading.gateway);
        let limits = connection_limits(config);
        let deadline = config.server.timeout.drain.duration();
        let make = move |tasks| Callers::new(Arc::clone(&gateway), tasks);
        let tls = self.reloading.tls.clone();
        let secured = (limits, tls.clone());
        let threads = Threads::start(thread_count(config), secured, &drain, deadline, make)?;
        if let Some(tls) = tls {
            let ended = drain.clone();
            self.tasks.spawn(async move {
                tokio::select! {
                    () = tls.watch() => {}
                    () = ended.begun() => {}
                }
            });
        }
        let drained = drain.clone();
        let tasks = self.tasks.clone();
        self.tasks.spawn(async move {
            accept_onto(callers, &threads, limits, drained).await;
            drop(tasks.spawn_blocking(move || threads.join()));
        });
        let tools = OperatorTools {
            store: self.store.clone(),
            metrics,
            readiness: readiness.clone(),
            deployment: Arc::clone(&self.reloading.running) as Arc<dyn Deployment>,
            drills: Arc::new(self.hall()),
            clock: Arc::clone(&clock),
            token: self.token.clone(),
        };
        let handler = Arc::new(Operators::new(tools));
        let limits = (ConnectionLimits::DEFAULT, deadline);
        self.tasks.spawn(accept_here(operators, handler, limits, drain.clone()));
        let job_tools = JobTools {
            store: self.store.clone(),
            readiness: readiness.clone(),
            sightings: Arc::clone(&self.ground.sightings),
            unknown_outcome: unknown_outcome(config),
            clock,
        };
        bastion_jobs::start(&job_tools, &self.tasks, &drain);
        readiness.set(Check::Listeners, Standing::Stands);
        readiness.set(Check::Serving, Standing::Stands);
        Ok(())
    }

    /// Where drills are run, against a rehearsal of this house.
    fn hall(&self) -> Hall {
        let running = Arc::clone(&self.reloading.running);
        let deployment = Arc::clone(&running);
        let version = env!("CARGO_PKG_VERSION");
        Hall::new(HallTools {
            rehearse: (self.rehearse)(deployment, self.ground.log.clone()),
            policy: Box::new(move || PolicySeen {
                hash: running.policy_hash(),
                version: version.to_owned(),
            }),
            store: self.store.clone(),
            clock: Arc::clone(&self.ground.clock),
            tasks: self.tasks.clone(),
            drain: self.ground.drain.clone(),
        })
    }

    /// Serves until a signal asks for the end, then drains and closes the store last.
    pub(crate) async fn serve(self, signals: Signals) {
        self.serve_until(signals).await;
        self.close().await;
    }

    /// Serves, and reloads when asked to, until a signal asks for the end.
    pub(crate) async fn serve_until(&self, mut signals: Signals) {
        while signals.next().await == Wish::Reload {
            self.reloading.reload();
        }
    }

    /// Takes no more work, lets what runs end, closes the store last.
    pub(crate) async fn close(self) {
        let House { ground, reloading, tasks, store, .. } = self;
        ground.readiness.set(Check::Serving, Standing::Fails("draining".to_owned()));
        ground.drain.begin();
        // The gateway holds the last sender of records: without it the writer ends.
        drop(reloading);
        tasks.finished().await;
        if let Err(cause) = ground.sightings.flush(&store, ground.clock.now()).await {
            tracing::warn!(%cause, "from where keys were used last is not written down");
        }
        store.close().await;
        tracing::info!("drained");
    }
}

/// What becomes of what dead processes held, in the ledger's words.
fn unknown_outcome(config: &Config) -> UnknownOutcome {
    match config.unknown_outcome {
        bastion_config::UnknownOutcome::Charge => UnknownOutcome::Charge,
        bastion_config::UnknownOutcome::Release => UnknownOutcome::Release,
    }
}

fn gateway(
    ground: &Ground,
    store: &Store,
    (policy, limits): (Policy, Limits),
    tasks: &Tasks,
) -> Arc<Gateway> {
    let log = &ground.log;
    let sinks = (log.sink.clone(), log.format);
    let (calls, writer) = call_sink(store.clone(), sinks, Arc::clone(&ground.metrics));
    tasks.spawn(writer.run());
    let tools = Tools {
        store: store.clone(),
        calls,
        metrics: Arc::clone(&ground.metrics),
        redactor: Arc::clone(&log.redactor),
        sightings: Arc::clone(&ground.sightings),
        readiness: ground.readiness.clone(),
        clock: Arc::clone(&ground.clock),
        drain: ground.drain.clone(),
        breakers: Arc::clone(&ground.breakers),
        limits,
    };
    Arc::new(Gateway::new(tools, policy))
}

/// Tells the limits how many nodes there are, for the time when each counts by itself.
async fn count_nodes(store: Store, nodes: Nodes, drain: Drain) {
    loop {
        nodes.set(NonZeroU32::new(store.nodes().alive()).unwrap_or(NonZeroU32::MIN));
        tokio::select! {
            () = drain.begun() => return,
            () = tokio::time::sleep(COUNT_NODES) => {}
        }
    }
}

async fn open_store(
    config: &Config,
    storage: Storage,
    ground: &Ground,
) -> anyhow::Result<(Store, Secret)> {
    let clock = Arc::clone(&ground.clock);
    let (store, token) = match storage {
        Storage::Memory => (Store::open_in_memory(clock).await?, operator_token::generate()?),
        Storage::Configured => {
            let place = place(config)?;
            if let Place::Postgres(place) = &place {
                ground.log.redactor.hide(&place.url);
                place.password.iter().for_each(|password| ground.log.redactor.hide(password));
            }
            let store = Store::open_at(&place, clock).await?;
            (store, operator_token::of_deployment(&config.data_dir)?)
        }
    };
    ground.log.redactor.hide(&token);
    ground.readiness.set(Check::Store, Standing::Stands);
    Ok((store, token))
}

/// Drills that a process before this one left: what it ran is gone with it.
async fn end_abandoned_drills(store: &Store, ground: &Ground) {
    match store.evidence().interrupt_at_start(ground.clock.now()).await {
        Ok(0) => {}
        Ok(runs) => tracing::warn!(runs, "drills of a process that is gone are interrupted"),
        Err(cause) => tracing::warn!(%cause, "whether drills were left behind is not known"),
    }
}

fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        max_connections: config.server.max_connections,
        max_head_bytes: MAX_HEAD_BYTES,
        head_timeout: config.server.timeout.header.duration(),
    }
}

fn thread_count(config: &Config) -> NonZeroUsize {
    let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    config.server.threads.unwrap_or_else(cores)
}
