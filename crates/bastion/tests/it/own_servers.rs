//! Gateways on servers that the test starts, loses, freezes and brings back itself.
//!
//! They are shown once: the run on shared servers leaves out whatever has `own_servers` in its path.

mod bad_postgres;
mod callers;
mod cap;
mod crash;
mod far;
mod faults;
mod frozen;
mod limits;
mod load;
mod nodes;
mod pooler;
mod soak_only;
mod three;
