//! The only SQL: keys and calls, kept in SQLite under the data directory.
//!
//! It must never keep a plain key, a prompt or a completion, and no crate above it writes SQL.

mod calls;
mod data_dir;
mod error;
#[cfg(test)]
mod held_clock;
mod keys;
mod migrate;
mod sqlite;
mod store;

pub use calls::{CallFilter, CallLog, MAX_CALLS_READ};
pub use error::StoreError;
pub use keys::{
    KeyDirectory, KeyEntry, KeyError, KeyFilter, KeyPage, KeyRecord, MAX_KEYS, MAX_LIVE_SECRETS,
    MAX_PAGE, NewKey, Overlap, Page, RevokedKeys, SecretInfo,
};
pub use store::Store;
