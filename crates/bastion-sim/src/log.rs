//! What the simulated upstream received and how each answer ended.
//!
//! It must never hold a whole credential.

mod book;
mod entry;
mod masked;
mod page;
mod record;

pub use book::SimLog;
pub use entry::{BodyEncoding, ConnectionEntry, LogEntry, Outcome};
pub(crate) use page::page;
pub(crate) use record::{OpenConnection, Record};
