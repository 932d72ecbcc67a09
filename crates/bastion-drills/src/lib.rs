//! Drills: real runs against a rehearsal, recorded as evidence with what was measured.
//!
//! They must never touch live traffic, a real upstream or a real key, and never leave anything
//! running behind them.
//!
//! Start reading at `hall.rs`; the drills are the files of `drills/`.

mod caller;
mod course;
mod drills;
mod findings;
mod hall;
#[cfg(test)]
mod planted;
mod progress;
mod rehearsal;
mod room;
mod standing;
mod waits;

pub use hall::{Hall, HallTools, PolicySeen};
pub use rehearsal::{NoRehearsal, OpenRehearsal, Opening, Rehearsal, Rehearse};
