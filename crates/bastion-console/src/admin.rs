//! The operator API: one file for each noun, all of them in one list.
//!
//! It must never do a call's work, and never show a secret but the key that it has just made.

mod balance;
mod calls;
mod cap;
mod checklist;
mod config;
mod drills;
mod key;
mod keys;
mod ledger;
mod nodes;
mod rotation;
mod spend;

use serde_json::Value;

use crate::operation::Operation;

/// What one noun's file gives.
pub(crate) trait Resource: Sync {
    /// The noun, as the document groups by it.
    fn name(&self) -> &'static str;
    /// What can be done with it: routes and their descriptions.
    fn operations(&self) -> Vec<Operation>;
    /// The schemas that its descriptions name.
    fn schemas(&self) -> Vec<(&'static str, Value)>;
}

/// Every noun.
pub(crate) const ALL: [&dyn Resource; 12] = [
    &keys::Keys,
    &key::Key,
    &rotation::Rotation,
    &calls::Calls,
    &checklist::Checklist,
    &drills::Drills,
    &nodes::Nodes,
    &config::Config,
    &balance::Balance,
    &cap::Cap,
    &spend::Spend,
    &ledger::Ledger,
];
