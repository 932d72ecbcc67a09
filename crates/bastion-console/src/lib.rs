//! The operators' plane: the operator API under `/admin/v1`, metrics and readiness.
//!
//! It must never serve callers, never know the gateway, and never show a key again after the
//! answer that made it.

mod admin;
mod answer;
mod ask;
mod description;
mod desk;
mod document;
mod door;
mod fields;
mod host;
mod lifetime;
mod operation;
mod operators;
mod probes;
mod problem;
mod query;
mod schema;
mod shown_key;
#[cfg(test)]
mod tests;
mod token;
mod worded;

pub use desk::OperatorTools;
pub use document::openapi;
pub use operators::Operators;
