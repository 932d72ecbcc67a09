//! What a reader can see of an event of a stream, and how much of the event that is.
//!
//! It must never take for thinking what is a summary of it.

/// What a reader can see of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// How much of the event it is, in bytes as they stand in its JSON; none where its form is not
    /// known, or where it only repeats or announces.
    pub bytes: Option<usize>,
    /// What the model writes is shown word for word, its thinking included.
    pub shows_all: bool,
}

impl Content {
    /// Of an event that is no text piece by piece.
    pub(crate) const UNKNOWN: Content = Content { bytes: None, shows_all: false };
}
