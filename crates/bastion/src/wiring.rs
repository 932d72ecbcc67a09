//! Puts the house together: from a configuration to listeners that answer, and down again.
//!
//! It must never decide anything about a call; it only knows who needs whom.

mod credentials;
mod deployment;
mod house;
mod limits;
mod log;
mod operator_token;
mod place;
mod policy_hash;
mod rehearsal;
mod signals;

pub(crate) use credentials::Credentials;
pub(crate) use house::{House, Plan, Storage};
pub(crate) use log::Log;
pub(crate) use place::place;
pub(crate) use rehearsal::rehearsals;
pub(crate) use signals::Signals;

/// The runtime of store, jobs and operators; callers have threads of their own.
///
/// # Errors
/// When the system gives no threads.
pub(crate) fn control_runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("control")
        .enable_all()
        .build()
}
