//! Where the store is: from the configuration, with what its references resolve to.
//!
//! It must never show what a reference resolved to.

use anyhow::Context;
use bastion_config::{Config, SecretReference, StoreMigrate, StoreUrl};
use bastion_outbound::resolve;
use bastion_store::{Migrate, Place, PostgresPlace};
use bastion_types::Secret;

/// The place that the configuration names.
///
/// # Errors
/// When a reference resolves to nothing: without its store no process starts.
pub(crate) fn place(config: &Config) -> anyhow::Result<Place> {
    let url = match &config.store.url {
        StoreUrl::Sqlite => return Ok(Place::DataDirectory(config.data_dir.clone())),
        StoreUrl::Postgres(url) => url.clone(),
        StoreUrl::Reference(reference) => found("store.url", reference)?,
    };
    let password = config.store.password.as_ref();
    let password = password.map(|reference| found("store.password", reference)).transpose()?;
    let migrate = match config.store.migrate {
        StoreMigrate::Auto => Migrate::AtStart,
        StoreMigrate::Manual => Migrate::ByHand,
    };
    Ok(Place::Postgres(PostgresPlace { url, password, migrate }))
}

fn found(setting: &'static str, reference: &SecretReference) -> anyhow::Result<Secret> {
    resolve(reference).context(setting)
}
