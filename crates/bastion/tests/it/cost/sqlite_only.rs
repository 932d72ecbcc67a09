//! Money in SQLite's file: another process has locked it, and the process that has it is killed.
//!
//! The same on PostgreSQL is shown by `own_servers`, where the server itself goes away and the others
//! find what a dead gateway held.

pub(crate) mod crash;
mod outage;
