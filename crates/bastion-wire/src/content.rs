//! What a reader can see of an event of a stream, and how much of the event that is.
//!
//! It must never be less than what is there: what is not known counts whole.

/// What a reader can see of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// How much of the event it is, in bytes as they stand in its JSON. All of the event's data where
    /// its form is not known.
    pub bytes: usize,
    /// It is the model's own thinking, word for word, not a summary of it.
    pub is_thinking: bool,
}

impl Content {
    pub(crate) fn of_unknown_form(data: &[u8]) -> Content {
        Content { bytes: data.len(), is_thinking: false }
    }
}
