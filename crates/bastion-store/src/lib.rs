//! The only SQL: nodes, keys, calls and evidence, in SQLite under the data directory or in
//! PostgreSQL.
//!
//! It must never keep a plain key, a prompt or a completion, and no crate above it writes SQL.

mod awake;
mod calls;
mod cause;
mod data_dir;
mod database;
mod error;
mod evidence;
#[cfg(test)]
mod fresh;
#[cfg(test)]
mod held_clock;
mod keys;
mod ledger;
mod listener;
mod migrate;
mod nodes;
mod patience;
mod place;
mod postgres;
mod row;
mod sqlite;
mod statement;
#[cfg(test)]
mod statements;
mod store;
#[cfg(test)]
mod together;
mod watch;

pub use calls::{CallFilter, CallLog, MAX_CALLS_READ};
pub use error::StoreError;
pub use evidence::{
    DrillOutcome, DrillRun, Ending, Evidence, MAX_RUNS_READ, MAX_SIGHTINGS_OF_KEY, NewestCalls,
    ObservedCalls, ObservedText, ReachedCalls, RegionCalls, RunFilter, Sighting,
};
pub use keys::{
    KeyBonds, KeyDirectory, KeyEntry, KeyError, KeyFilter, KeyPage, KeyRecord, MAX_KEYS,
    MAX_LIVE_SECRETS, MAX_PAGE, NewKey, Overlap, Page, RevokedKeys, SecretInfo,
};
pub use ledger::{
    Account, Adjustment, BeyondHold, BeyondHolds, Cap, Charged, Concerns, Cost, Difference,
    HandError, HoldOrder, Labels, Ledger, Marks, NotHeld, Payer, Prepaid, SetCap, Settled,
    Shortage, SpendBy, SpendRow, Spent, Ticket, TopUp, TopUpOutcome, UnknownOutcome, Verdict,
};
pub use migrate::SchemaState;
pub use nodes::{LEASE, LeaseEnding, LeaseId, MAX_NODES, NodeRecord, Nodes};
pub use place::{Migrate, Place, PostgresPlace};
pub use store::Store;
