//! The configuration that runs: what operators may see of it, and how a new one takes its place.
//!
//! It must never let a broken configuration in: the old one goes on.

use std::path::PathBuf;
use std::sync::Arc;

use bastion_config::{Config, Loaded, RenderStyle, ServerTls, load, read_sources};
use bastion_gateway::{Gateway, Policy, PolicyParts};
use bastion_observe::{Deployment, EnvironmentMoney, Metrics, Readiness, ReloadOutcome, Setting};
use bastion_runtime::{Tls, TlsFiles};
use bastion_types::{EnvironmentName, OrganizationName, SurfaceName};
use parking_lot::RwLock;

use super::credentials::Credentials;
use super::log::Log;
use super::policy_hash;

/// The running configuration.
pub(crate) struct RunningDeployment {
    loaded: RwLock<Running>,
}

/// A configuration and what is worked out from it once.
struct Running {
    loaded: Loaded,
    config: Arc<Config>,
    policy_hash: String,
}

impl Running {
    fn new(loaded: Loaded) -> Running {
        let config = Arc::new(loaded.config.clone());
        Running { policy_hash: policy_hash::of(&loaded.shown), config, loaded }
    }
}

impl RunningDeployment {
    pub(super) fn new(loaded: Loaded) -> RunningDeployment {
        RunningDeployment { loaded: RwLock::new(Running::new(loaded)) }
    }

    fn exchange(&self, loaded: Loaded) {
        *self.loaded.write() = Running::new(loaded);
    }
}

impl Deployment for RunningDeployment {
    fn organization(&self) -> OrganizationName {
        self.loaded.read().config.organization.clone()
    }

    fn environments(&self) -> Vec<EnvironmentName> {
        self.loaded.read().config.environments.keys().cloned().collect()
    }

    fn currency(&self) -> String {
        self.loaded.read().config.currency.clone()
    }

    fn money(&self, environment: &EnvironmentName) -> Option<EnvironmentMoney> {
        let config = self.config();
        let asks = config.environments.get(environment)?;
        Some(EnvironmentMoney {
            zone: asks.timezone.clone(),
            monthly_cap: asks.caps.monthly,
            daily_cap: asks.caps.daily,
        })
    }

    fn surfaces(&self) -> Vec<SurfaceName> {
        self.loaded.read().config.surfaces.keys().cloned().collect()
    }

    fn settings(&self) -> Vec<Setting> {
        let loaded = self.loaded.read();
        let setting = |shown: &bastion_config::ShownSetting| Setting {
            key: shown.key.clone(),
            value: shown.value.clone(),
            source: shown.source.to_string(),
        };
        loaded.loaded.shown.iter().map(setting).collect()
    }

    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.loaded.read().config)
    }

    fn policy_hash(&self) -> String {
        self.loaded.read().policy_hash.clone()
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
    /// The callers' certificate.
    pub(super) tls: Option<Arc<Tls>>,
}

/// Where the certificate and its key lie.
pub(super) fn tls_files(tls: &ServerTls) -> TlsFiles {
    TlsFiles { cert: tls.cert.path.clone(), key: tls.key.path.clone() }
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
        if let (Some(running), Some(tls)) = (&self.tls, &loaded.config.server.tls) {
            running.read_again(tls_files(tls))?;
        }
        warn_of_fixed(&self.running.config(), &loaded.config);
        self.gateway.exchange_policy(policy);
        self.running.exchange(loaded);
        Ok(())
    }
}

fn warn_of_fixed(old: &Config, new: &Config) {
    for setting in fixed(old, new) {
        tracing::warn!(setting, "this setting changes with a restart only");
    }
}

/// What differs and only a restart changes.
fn fixed(old: &Config, new: &Config) -> Vec<&'static str> {
    let fixed = [
        ("server.listen", old.server.listen != new.server.listen),
        (TLS, old.server.tls.is_some() != new.server.tls.is_some()),
        ("server.threads", old.server.threads != new.server.threads),
        ("server.max_connections", old.server.max_connections != new.server.max_connections),
        ("server.timeout.header", old.server.timeout.header != new.server.timeout.header),
        ("server.timeout.drain", old.server.timeout.drain != new.server.timeout.drain),
        ("operator.listen", old.operator.listen != new.operator.listen),
        ("limits", old.limits != new.limits),
        ("ledger.unknown_outcome", old.unknown_outcome != new.unknown_outcome),
        ("data_dir", old.data_dir != new.data_dir),
        ("store.url", !old.store.is_same_place(&new.store)),
        ("organization", old.organization != new.organization),
    ];
    fixed.into_iter().filter_map(|(setting, differs)| differs.then_some(setting)).collect()
}

/// Certificates change without a restart, their being there does not.
const TLS: &str = "server.tls (whether there is any; its files are read again)";

#[cfg(test)]
mod tests {
    use bastion_config::{INIT_TOML, Sources};

    use super::*;

    fn config(server: &str) -> Config {
        let text = INIT_TOML.replace("\n[server]\n", &format!("\n[server]\n{server}\n"));
        let file = Some((PathBuf::from("bastion.toml"), text));
        load(&Sources { file, environment: Vec::new() }).unwrap().config
    }

    fn check(written: &str, expect: &[&str]) {
        let (old, new) = (config(""), config(written));
        assert_eq!(fixed(&old, &new), expect, "{written}");
        assert_eq!(fixed(&new, &old), expect, "{written}");
        assert!(fixed(&new, &new).is_empty());
    }

    #[test]
    fn what_only_a_restart_changes_is_known() {
        check("threads = 7", &["server.threads"]);
        check("tls = { cert = \"file:a\", key = \"file:b\" }", &[TLS]);
        check("max_body_bytes = 4096", &[]);
    }

    #[test]
    fn the_files_of_tls_need_no_restart() {
        let tls = |cert: &str| config(&format!("tls = {{ cert = \"{cert}\", key = \"file:b\" }}"));
        assert!(fixed(&tls("file:a"), &tls("file:c")).is_empty());
    }
}
