//! Scripts: answers that stand in for the generated ones.
//!
//! A script must never be played that has not been read as a whole.

mod fields;
mod parse;
mod perform;
mod playing;
mod scripted;

#[cfg(test)]
pub(crate) use fields::ENDPOINT_NAMES;
pub use parse::{Script, ScriptError};
pub(crate) use perform::{Performance, perform};
pub(crate) use playing::Playing;
pub(crate) use scripted::ScriptedAnswer;
