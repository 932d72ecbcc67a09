//! Are refusals applied, or only counted and shown?
//!
//! It must never be asked about a refusal that protects the house itself: rates, keys, regions.

use serde::{Serialize, Serializer};

/// What becomes of a refusal by a surface, a budget or a cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Enforce {
    /// It is applied.
    #[default]
    On,
    /// It is decided, counted and shown; the call goes on.
    Observe,
}

impl Enforce {
    /// As configuration, keys and the operator API write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Enforce::On => "on",
            Enforce::Observe => "observe",
        }
    }

    /// Reads what [`Enforce::as_str`] writes.
    pub fn parse(text: &str) -> Option<Enforce> {
        [Enforce::On, Enforce::Observe].into_iter().find(|enforce| enforce.as_str() == text)
    }
}

impl Serialize for Enforce {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}
