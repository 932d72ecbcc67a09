//! What a check says of its box: proved, with evidence, or not, with the reason.
//!
//! It must never be made without words that a person can act on.

use bastion_types::{Span, Timestamp};

/// Evidence is taken for so long.
pub(crate) const EVIDENCE_LIMIT: Span = Span::from_secs(30 * 24 * 60 * 60);

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// What it is and what it shows.
    pub(crate) what: String,
    /// Of when it is.
    pub(crate) at: Timestamp,
    /// How old it may be; none: it is read anew each time.
    pub(crate) limit: Option<Span>,
}

impl Evidence {
    /// Read just now from what runs.
    pub(crate) fn now(what: impl Into<String>, now: Timestamp) -> Evidence {
        Evidence { what: what.into(), at: now, limit: None }
    }

    /// Recorded at a moment; it grows old.
    pub(crate) fn recorded(what: impl Into<String>, at: Timestamp) -> Evidence {
        Evidence { what: what.into(), at, limit: Some(EVIDENCE_LIMIT) }
    }
}

/// What is said of one box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Does the box count?
    pub(crate) is_proved: bool,
    /// What was shown, or what is missing.
    pub(crate) reason: String,
    /// The next step, where it is another one than the card's.
    pub(crate) mend: Option<String>,
    /// What was looked at.
    pub(crate) evidence: Vec<Evidence>,
}

impl Proof {
    /// The box counts.
    pub(crate) fn proved(reason: impl Into<String>, evidence: Vec<Evidence>) -> Proof {
        Proof { is_proved: true, reason: reason.into(), mend: None, evidence }
    }

    /// It does not.
    pub(crate) fn missing(reason: impl Into<String>) -> Proof {
        Proof { is_proved: false, reason: reason.into(), mend: None, evidence: Vec::new() }
    }

    /// What would prove it is not in this version.
    pub(crate) fn not_built(what: &str) -> Proof {
        Proof::missing(format!("no evidence: {what} is not in this version"))
    }

    /// With a next step of its own.
    pub(crate) fn mend(self, mend: impl Into<String>) -> Proof {
        Proof { mend: Some(mend.into()), ..self }
    }

    /// With what was looked at.
    pub(crate) fn seen(self, evidence: Vec<Evidence>) -> Proof {
        Proof { evidence, ..self }
    }
}
