//! The launch gate: every box of the production checklist, what proves it, and the verdict.
//!
//! It reads evidence and must never run anything, never write, and never pass a box for which
//! there is no evidence.
//!
//! Start reading at `gate.rs`; the boxes are the files of `checks/`, a folder for each section.

mod card;
mod checks;
mod drilled;
mod facts;
mod gate;
mod gather;
mod proof;
mod report;
mod sections;
mod unapplied;

pub use card::Card;
pub use checks::cards;
pub use facts::Facts;
pub use gate::judge;
pub use gather::{Asked, gather};
pub use report::html::html;
pub use report::junit::junit;
pub use report::markdown::markdown;
pub use report::text::{Style, text};
pub use report::{BoxReport, EvidenceReport, Report, Verdict, WaiverReport};
