//! Why a command that needs a server came to nothing.
//!
//! It must never end the process by itself: the command's caller does.

use crate::exit::Exit;
use crate::out;

/// Why a command came to nothing: what to say and how to end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// How the command ends.
    pub(crate) exit: Exit,
    /// What is wrong and what to do next.
    pub(crate) message: String,
}

impl Failure {
    /// A failure of this kind.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into() }
    }

    /// Says it; gives how the command ends.
    pub(crate) fn told(self) -> Exit {
        out::error(&self.message);
        self.exit
    }
}
