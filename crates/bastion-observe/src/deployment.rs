//! What the operators' plane may ask of the running deployment; the binary answers.
//!
//! It must never hand out a secret: settings come with references as they were written.

use std::sync::Arc;

use bastion_config::Config;
use bastion_types::{EnvironmentName, OrganizationName};
use serde::Serialize;

/// One effective setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its dotted name.
    pub key: String,
    /// Its value, secrets hidden.
    pub value: String,
    /// Where the value came from: a default, a line of the file, a variable.
    pub source: String,
}

/// The deployment as the operators' plane sees it.
pub trait Deployment: Send + Sync + 'static {
    /// The one organization.
    fn organization(&self) -> OrganizationName;
    /// The environments that keys may belong to, by name.
    fn environments(&self) -> Vec<EnvironmentName>;
    /// Every effective setting, by name.
    fn settings(&self) -> Vec<Setting>;
    /// The configuration that runs.
    fn config(&self) -> Arc<Config>;
    /// Of the settings that calls go by; another one when any of them is another.
    fn policy_hash(&self) -> String;
}
