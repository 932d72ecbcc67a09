//! What a running drill is at, for whoever waits.
//!
//! It must never hold more than one short sentence.

use parking_lot::Mutex;

/// The sentence.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    text: Mutex<String>,
}

impl Progress {
    /// The drill is at this now.
    pub(crate) fn say(&self, text: impl Into<String>) {
        *self.text.lock() = text.into();
    }

    /// What it is at.
    pub(crate) fn text(&self) -> String {
        self.text.lock().clone()
    }
}
