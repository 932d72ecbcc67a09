//! What the operators' plane may ask of the running deployment; the binary answers.
//!
//! It must never hand out a secret: settings come with references as they were written.

use std::sync::Arc;

use bastion_config::Config;
use bastion_types::{EnvironmentName, Money, OrganizationName, SurfaceName, Zone};
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

/// What limits an environment's money, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentMoney {
    /// Where its days and months end.
    pub zone: Zone,
    /// The most in a month; none: no cap.
    pub monthly_cap: Option<Money>,
    /// The most in a day; none: no cap.
    pub daily_cap: Option<Money>,
}

/// The deployment as the operators' plane sees it.
pub trait Deployment: Send + Sync + 'static {
    /// The one organization.
    fn organization(&self) -> OrganizationName;
    /// The environments that keys may belong to, by name.
    fn environments(&self) -> Vec<EnvironmentName>;
    /// The currency of all amounts, three capital letters.
    fn currency(&self) -> String;
    /// What limits an environment's money; none: there is no such environment.
    fn money(&self, environment: &EnvironmentName) -> Option<EnvironmentMoney>;
    /// The surfaces that keys may be bound to, by name.
    fn surfaces(&self) -> Vec<SurfaceName>;
    /// Every effective setting, by name.
    fn settings(&self) -> Vec<Setting>;
    /// The configuration that runs.
    fn config(&self) -> Arc<Config>;
    /// Of the settings that calls go by; another one when any of them is another.
    fn policy_hash(&self) -> String;
}
