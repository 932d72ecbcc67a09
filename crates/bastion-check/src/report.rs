//! The report, as programs read it; its files write it for people.
//!
//! Field names are those of the interface and must never change.

pub(crate) mod html;
pub(crate) mod junit;
pub(crate) mod markdown;
pub(crate) mod text;
mod told;

use bastion_types::Timestamp;
use serde::{Deserialize, Serialize};

/// What is said of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Proved.
    Pass,
    /// Not proved.
    Fail,
    /// A person recorded it with a command; nothing does so far.
    Attested,
    /// Left unchecked on purpose, for a while.
    Waived,
}

/// What was looked at for a box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceReport {
    /// What it is.
    pub what: String,
    /// Of when it is.
    pub at: Timestamp,
    /// How old it is, in seconds.
    pub age_s: i64,
    /// How old it may be, in seconds; none: it is read anew each time.
    pub limit_s: Option<u64>,
}

/// A box's waiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaiverReport {
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Its last day, in UTC.
    pub expires: String,
    /// Is that day over?
    pub expired: bool,
}

/// One box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoxReport {
    /// `section.box`.
    pub id: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// The next step to mend it.
    pub mend: String,
    /// What proves it.
    pub proved_by: String,
    /// What was looked at.
    pub evidence: Vec<EvidenceReport>,
    /// Its waiver, if it has one.
    pub waiver: Option<WaiverReport>,
}

/// The gate's answer for one environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Is every box proved or waived?
    pub ready: bool,
    /// The environment.
    pub environment: String,
    /// When it was looked at.
    pub at: Timestamp,
    /// The boxes, in the checklist's order.
    pub boxes: Vec<BoxReport>,
}

#[cfg(test)]
mod tests;
