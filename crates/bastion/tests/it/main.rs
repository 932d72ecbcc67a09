//! The one integration binary: a module for each section of the checklist, and a few nouns.
//!
//! A test here must never sleep for luck: it waits for what it names, within a limit.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::excessive_nesting,
    clippy::print_stderr,
    reason = "a test fails by panicking, in its nouns too"
)]

mod attempt;
mod bastion;
mod client;
mod hand;
mod pgbouncer;
mod place;
mod port;
mod postgres;
mod redis;
mod scene;
mod upstream;
mod wire;

mod bad_key;
mod bad_request;

mod cost;
mod drills;
mod endpoints;
mod gate;
mod lifecycle;
mod limits;
mod nginx;
mod own_servers;
mod path;
mod reliability;
mod secure_upstream;
mod sqlite_only;
mod streaming;
mod tls;
mod upstream_tls;
