//! The callers' plane: the path of a call, from the door to the record.
//!
//! Start reading at `path.rs`. It must never write SQL, never read the configuration's file and
//! never let a caller choose an upstream.

mod about;
mod answer_body;
mod breaker;
mod caller_address;
mod callers;
mod desk;
mod dice;
mod endpoints;
mod form;
mod gateway;
mod headers;
mod line;
mod outgoing;
mod path;
mod payload;
mod policy;
mod pool;
mod reply;
mod retry_budget;
mod spool;

pub use answer_body::AnswerBody;
pub use breaker::Breakers;
pub use callers::Callers;
pub use gateway::{Gateway, Tools};
pub use policy::{Policy, PolicyError, PolicyParts};
