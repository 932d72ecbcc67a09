//! What is shown on SQLite with local limits alone: starts and configurations, which end before any
//! server is asked or are about the folder and its disk.
//!
//! The run on PostgreSQL with Redis leaves out whatever has `sqlite_only` in its path; nothing that
//! a server could change may stand here.

mod bad_config;
mod bad_start;
mod full;
