//! How a call's answer reaches its caller.
//!
//! It must never be changed by what an upstream answers.

use bastion_wire::{AnswerForm, Dialect};

use crate::endpoints::Answers;

/// How the caller gets the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As one body; audio as it comes.
    Whole(Answers),
    /// As a stream, event by event.
    Stream(Dialect),
    /// As a stream that is held back until it is whole.
    Atomic(Dialect),
}

impl Delivery {
    /// The language of the stream that the upstream is asked for.
    pub(crate) fn dialect(self) -> Option<Dialect> {
        match self {
            Delivery::Whole(_) => None,
            Delivery::Stream(dialect) | Delivery::Atomic(dialect) => Some(dialect),
        }
    }

    /// What an answer must be that is no stream of events; some upstreams answer so all the same.
    pub(crate) fn answers(self) -> Answers {
        match self {
            Delivery::Whole(answers) => answers,
            Delivery::Stream(_) | Delivery::Atomic(_) => Answers::Json(AnswerForm::Tokens),
        }
    }

    /// Is the stream held back until it is whole?
    pub(crate) fn is_atomic(self) -> bool {
        matches!(self, Delivery::Atomic(_))
    }

    /// Does it reach the caller piece by piece?
    pub(crate) fn comes_in_pieces(self) -> bool {
        self.dialect().is_some() || self.answers() == Answers::Audio
    }
}
