//! Regular work beside the path: each job a file, all of them in one list.
//!
//! A job must never be needed for a single call to be right: it tidies, it does not decide.

mod jobs;

pub use jobs::{JobTools, start};
