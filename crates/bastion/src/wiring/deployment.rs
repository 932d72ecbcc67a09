//! The configuration that runs: what operators may see of it, and how a new one takes its place.
//!
//! It must never let a broken configuration in: the old one goes on.

use std::path::PathBuf;
use std::sync::Arc;

use bastion_config::{Config, Loaded, RenderStyle, load, read_sources};
use bastion_gateway::{Gateway, Policy, PolicyParts};
use bastion_observe::{Deployment, Metrics, Readiness, ReloadOutcome, Setting};
use bastion_types::{EnvironmentName, OrganizationName};
use parking_lot::RwLock;

use super::credentials::Credentials;
use super::log::Log;

/// The running configuration.
pub(super) struct RunningDeployment {
    loaded: RwLock<Loaded>,
}

impl RunningDeployment {
    pub(super) fn new(loaded: Loaded) -> RunningDeployment {
        RunningDeployment { loaded: RwLock::new(loaded) }
    }
}

impl Deployment for RunningDeployment {
    fn organization(&self) -> OrganizationName {
        self.loaded.read().config.organization.clone()
    }

    fn environments(&self) -> Vec<EnvironmentName> {
        self.loaded.read().config.environments.keys().cloned().collect()
    }

    fn settings(&self) -> Vec<Setting> {
        let loaded = self.loaded.read();
        let setting = |shown: &bastion_config::ShownSetting| Setting {
            key: shown.key.clone(),
            value: shown.value.clone(),
            source: shown.source.to_string(),
        };
        loaded.shown.iter().map(setting).collect()
    }
}

/// What a reload needs.
pub(super) struct Reloading {
    /// The file; none in `demo`.
    pub(super) path: Option<PathBuf>,
    pub(super) credentials: Credentials,
    pub(super) log: Log,
    pub(super) metrics: Arc<Metrics>,
    pub(super) readiness: Readiness,
    pub(super) gateway: Arc<Gateway>,
    pub(super) running: Arc<RunningDeployment>,
}

impl Reloading {
    /// Reads the configuration again; on any error the old one goes on.
    pub(super) fn reload(&self) {
        let Some(path) = &self.path else {
            tracing::warn!("this process has no configuration file to read again");
            return;
        };
        let outcome = match self.take(path) {
            Ok(()) => {
                tracing::info!(file = %path.display(), "the configuration was read again");
                ReloadOutcome::Taken
            }
            Err(cause) => {
                self.log.sink.write_lines(&format!("{cause:#}\n"));
                tracing::error!("the configuration has errors; the old one goes on");
                ReloadOutcome::Refused
            }
        };
        self.metrics.reload(outcome);
    }

    fn take(&self, path: &std::path::Path) -> anyhow::Result<()> {
        let sources = read_sources(path, std::env::vars_os())?;
        let loaded = load(&sources)
            .map_err(|report| anyhow::Error::msg(report.render(RenderStyle::Plain)))?;
        let credentials =
            self.credentials.resolve(&loaded.config, &self.log.redactor, &self.readiness)?;
        let policy = Policy::new(PolicyParts {
            config: &loaded.config,
            credentials,
            breakers: self.gateway.breakers(),
        })?;
        warn_of_fixed(&self.running.loaded.read().config, &loaded.config);
        self.gateway.exchange_policy(policy);
        *self.running.loaded.write() = loaded;
        Ok(())
    }
}

/// What only a restart changes.
fn warn_of_fixed(old: &Config, new: &Config) {
    let fixed = [
        ("server.listen", old.server.listen != new.server.listen),
        ("server.threads", old.server.threads != new.server.threads),
        ("server.max_connections", old.server.max_connections != new.server.max_connections),
        ("server.timeout.header", old.server.timeout.header != new.server.timeout.header),
        ("server.timeout.drain", old.server.timeout.drain != new.server.timeout.drain),
        ("operator.listen", old.operator.listen != new.operator.listen),
        ("data_dir", old.data_dir != new.data_dir),
        ("organization", old.organization != new.organization),
    ];
    for (setting, changed) in fixed {
        if changed {
            tracing::warn!(setting, "this setting changes with a restart only");
        }
    }
}
