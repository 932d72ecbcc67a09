//! The simulated upstream: an OpenAI-compatible server that is deterministic under a seed.
//!
//! It must never pass for a real one (every answer says that it is simulated), never show a
//! whole key in its log, and never repeat what a prompt says.

mod account;
mod answer;
mod audio;
mod base64;
mod body;
mod catalogue;
mod chat_request;
mod chat_stream;
mod completion;
mod controls;
mod dice;
mod endpoint;
mod endpoints;
mod fields;
mod form;
mod house;
mod log;
mod options;
mod pages;
mod peek;
mod png;
mod prompts;
mod reception;
mod refused;
mod response_events;
mod response_parts;
mod script;
mod sim;
mod state;
mod steps;
mod telling;
mod text;
mod text_request;
mod vectors;

pub use controls::SimControls;
pub use log::{BodyEncoding, ConnectionEntry, LogEntry, Outcome, SimLog};
pub use options::{Pace, SimOptions};
pub use script::{Script, ScriptError};
pub use sim::{Sim, SimError};
