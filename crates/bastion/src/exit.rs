//! How the process ends. Source: interface, exit codes.
//!
//! It must never be decided anywhere but in a command.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done: 0.
    Done,
    /// The answer is no: 1.
    No,
    /// Wrong usage or configuration: 2.
    Usage,
    /// The server could not be reached: 3.
    Unreachable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
        })
    }
}
