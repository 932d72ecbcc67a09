//! The configuration that runs: what operators may see of it, and how a new one takes its place.
//!
//! It must never let a broken configuration in: the old one goes on.

use std::path::PathBuf;
use std::sync::Arc;

use bastion_config::{Config, Loaded, RenderStyle, ServerTls, ShownSetting, load, read_sources};
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

    /// Takes a new configuration; what of it waits for a restart.
    fn exchange(&self, loaded: Loaded) -> Vec<&'static str> {
        let mut old = self.loaded.write();
        let fixed = fixed(&old.config, &loaded.config);
        let loaded = running(&old, loaded, &fixed);
        *old = Running::new(loaded);
        fixed
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
        let setting = |shown: &ShownSetting| Setting {
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
        self.gateway.exchange_policy(policy);
        for setting in self.running.exchange(loaded) {
            tracing::warn!(setting, "this setting changes with a restart only");
        }
        Ok(())
    }
}

/// The new configuration as it runs: what only a restart changes stays as it is.
fn running(old: &Running, mut new: Loaded, fixed: &[&str]) -> Loaded {
    let is_fixed = |shown: &&ShownSetting| fixed.iter().any(|name| is_of(&shown.key, name));
    let (kept, mut shown): (Vec<_>, Vec<_>) =
        new.shown.into_iter().partition(|shown| is_fixed(&shown));
    drop(kept);
    shown.extend(old.loaded.shown.iter().filter(is_fixed).cloned());
    shown.sort_by_key(|setting| place(&old.loaded.shown, &setting.key));
    let (was, config) = (&old.config, &mut new.config);
    if was.server.tls.is_some() != config.server.tls.is_some() {
        config.server.tls.clone_from(&was.server.tls);
    }
    config.server.listen = was.server.listen;
    config.server.threads = was.server.threads;
    config.server.max_connections = was.server.max_connections;
    config.server.timeout.header = was.server.timeout.header;
    config.server.timeout.drain = was.server.timeout.drain;
    config.operator.listen = was.operator.listen;
    config.limits = was.limits.clone();
    config.unknown_outcome = was.unknown_outcome;
    config.data_dir.clone_from(&was.data_dir);
    config.store = was.store.clone();
    config.organization = was.organization.clone();
    config.currency.clone_from(&was.currency);
    Loaded { shown, ..new }
}

/// Is it this setting, or one of this section?
fn is_of(key: &str, name: &str) -> bool {
    // Behind a space the name says what of it is fixed.
    let name = name.split(' ').next().unwrap_or(name);
    key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Where a setting stood; what is new stands behind its section.
fn place(shown: &[ShownSetting], key: &str) -> usize {
    let section = key.split('.').next().unwrap_or(key);
    let own = shown.iter().position(|setting| setting.key == key);
    let last = || shown.iter().rposition(|setting| is_of(&setting.key, section));
    own.or_else(last).unwrap_or(usize::MAX)
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
        ("currency", old.currency != new.currency),
    ];
    fixed.into_iter().filter_map(|(setting, differs)| differs.then_some(setting)).collect()
}

/// Certificates change without a restart, their being there does not.
const TLS: &str = "server.tls (whether there is any; its files are read again)";

#[cfg(test)]
mod tests {
    use bastion_config::{INIT_TOML, Sources};

    use super::*;

    fn loaded(server: &str, more: &str) -> Loaded {
        let text = INIT_TOML.replace("\n[server]\n", &format!("\n[server]\n{server}\n"));
        let file = Some((PathBuf::from("bastion.toml"), format!("{text}\n{more}")));
        load(&Sources { file, environment: Vec::new() }).unwrap()
    }

    fn config(server: &str) -> Config {
        loaded(server, "").config
    }

    #[test]
    fn what_waits_for_a_restart_is_shown_as_it_runs() {
        let deployment = RunningDeployment::new(loaded("", ""));
        let value = |key: &str| {
            let settings = deployment.settings();
            let found = settings.iter().find(|setting| setting.key == key);
            found.map(|setting| (setting.value.clone(), setting.source.clone()))
        };
        let (outcome, limits) = ("ledger.unknown_outcome", "limits.timeout");
        let before = (value(outcome), value(limits), deployment.policy_hash());
        let more = "[ledger]\nunknown_outcome = \"release\"\n[limits]\ntimeout = \"77ms\"";
        let fixed = deployment.exchange(loaded("threads = 7", more));
        assert_eq!(fixed, ["server.threads", "limits", outcome]);
        let after = (value(outcome), value(limits), deployment.policy_hash());
        assert_eq!(after, before);
        assert!(before.0.is_some() && before.1.is_some(), "{before:?}");
        let fixed = deployment.exchange(loaded("max_body_bytes = 4096", ""));
        assert!(fixed.is_empty());
        assert_eq!(value("server.max_body_bytes").unwrap().0, "4096");
        assert_ne!(deployment.policy_hash(), before.2);
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
