//! What a drill found: shown or not, in a sentence, with what was measured.
//!
//! It must never be a pass by default.

use bastion_store::DrillOutcome;
use serde_json::{Map, Value};

/// What a drill found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Findings {
    /// Pass or fail.
    pub(crate) outcome: DrillOutcome,
    /// A sentence.
    pub(crate) reason: String,
    /// What was measured.
    pub(crate) figures: Figures,
}

/// What was measured, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Figures(Map<String, Value>);

impl Figures {
    /// One more.
    pub(crate) fn add(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(name.into(), value.into());
    }

    /// As they are recorded.
    pub(crate) fn into_value(self) -> Value {
        Value::Object(self.0)
    }
}

/// Why a drill did not show what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missed(pub(crate) String);

impl Missed {
    /// With this sentence.
    pub(crate) fn new(why: impl Into<String>) -> Missed {
        Missed(why.into())
    }
}

impl Findings {
    /// From what a drill returned; its figures are kept either way.
    pub(crate) fn of(result: Result<String, Missed>, figures: Figures) -> Findings {
        match result {
            Ok(reason) => Findings { outcome: DrillOutcome::Pass, reason, figures },
            Err(Missed(reason)) => Findings { outcome: DrillOutcome::Fail, reason, figures },
        }
    }

    /// It was cut.
    pub(crate) fn interrupted(why: &str) -> Findings {
        let reason = why.to_owned();
        Findings { outcome: DrillOutcome::Interrupted, reason, figures: Figures::default() }
    }
}
