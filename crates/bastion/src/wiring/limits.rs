//! Where limits are counted, from the configuration; and what is told of it to operators.
//!
//! It must never keep a password that the redactor does not know.

use std::num::NonZeroU32;
use std::sync::Arc;

use bastion_config::{LimitsSection, LimitsUrl, SecretReference};
use bastion_limits::{Counting, Limits, Nodes, SharedSettings, Watcher};
use bastion_observe::{Metrics, Part, Readiness, Redactor};
use bastion_outbound::resolve;
use bastion_runtime::Tasks;
use bastion_types::Secret;

/// Who is told where limits are counted.
pub(super) struct Told {
    pub(super) metrics: Arc<Metrics>,
    pub(super) readiness: Readiness,
}

impl Watcher for Told {
    fn counting(&self, counting: Counting<'_>, nodes: NonZeroU32) {
        let why = match counting {
            Counting::Together => None,
            Counting::TogetherBut(why) => Some(format!("limits of some keys are shares: {why}")),
            Counting::Alone(why) => Some(format!("limits are shares of 1/{nodes}: {why}")),
        };
        self.metrics.limits().set_degraded(matches!(counting, Counting::Alone(_)));
        self.readiness.set_part(Part::Limits, why);
    }

    fn decided_alone(&self) {
        self.metrics.limits().decided_alone();
    }

    fn untold(&self, calls: u64) {
        self.metrics.limits().untold(calls);
    }
}

/// The limits as the section says. With Redis, this waits until it was tried to reach it once.
///
/// # Errors
/// When a file with a password can be read by others, or the URL is none of Redis.
pub(super) async fn open_limits(
    section: &LimitsSection,
    told: Told,
    (nodes, tasks): (Nodes, &Tasks),
    redactor: &Redactor,
) -> anyhow::Result<Limits> {
    let url = match &section.url {
        LimitsUrl::Local => return Ok(Limits::local()),
        LimitsUrl::Redis(url) => Ok(Secret::new(url.clone())),
        LimitsUrl::Reference(reference) => secret("limits.url", reference, redactor)?,
    };
    let password = section.password.as_ref();
    let password = password.map(|reference| secret("limits.password", reference, redactor));
    let (url, password) = match (url, password.transpose()?) {
        (url, None) => (url, None),
        (url, Some(Ok(password))) => (url, Some(password)),
        (_, Some(Err(why))) => (Err(why), None),
    };
    let settings = SharedSettings {
        url,
        password,
        prefix: section.prefix.clone(),
        timeout: section.timeout.duration(),
        lease: section.lease.duration(),
    };
    let limits = Limits::shared(settings, nodes, Arc::new(told), tasks)
        .map_err(|why| anyhow::anyhow!("limits.url: {why}"))?;
    limits.begun().await;
    Ok(limits)
}

/// What stands behind a reference, or why nothing does (yet).
fn secret(
    setting: &str,
    reference: &SecretReference,
    redactor: &Redactor,
) -> anyhow::Result<Result<Secret, String>> {
    match resolve(reference) {
        Ok(secret) => {
            redactor.hide(&secret);
            Ok(Ok(secret))
        }
        Err(cause) if cause.forbids_start() => anyhow::bail!("{setting}: {cause}"),
        Err(cause) => Ok(Err(format!("{setting}: {cause}"))),
    }
}
