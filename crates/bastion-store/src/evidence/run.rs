//! One run of a drill, from its begin to its end.
//!
//! It must never be a pass unless the drill said so.

use bastion_types::{EnvironmentName, RunId, Timestamp};
use serde::Serialize;
use serde_json::Value;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DrillOutcome {
    /// It is not over.
    Running,
    /// What was to be shown was shown.
    Pass,
    /// It was not.
    Fail,
    /// It was cut: nothing was shown.
    Interrupted,
}

impl DrillOutcome {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            DrillOutcome::Running => "running",
            DrillOutcome::Pass => "pass",
            DrillOutcome::Fail => "fail",
            DrillOutcome::Interrupted => "interrupted",
        }
    }

    /// Reads what [`DrillOutcome::as_str`] wrote.
    pub fn parse(text: &str) -> Option<DrillOutcome> {
        let all = [
            DrillOutcome::Running,
            DrillOutcome::Pass,
            DrillOutcome::Fail,
            DrillOutcome::Interrupted,
        ];
        all.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

/// One run of a drill.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DrillRun {
    /// Its id.
    pub id: RunId,
    /// Which drill.
    pub drill: String,
    /// The environment whose rules it ran under.
    pub environment: EnvironmentName,
    /// When it began.
    pub started_at: Timestamp,
    /// When it is over at the latest.
    pub until: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it stands.
    pub outcome: DrillOutcome,
    /// What it ran against: the settings that calls go by, as a hash.
    pub policy_hash: String,
    /// The version of the gateway.
    pub version: String,
    /// What was shown, or why not; empty while it runs.
    pub reason: String,
    /// What was measured.
    pub figures: Value,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ending {
    /// When.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: DrillOutcome,
    /// What was shown, or why not.
    pub reason: String,
    /// What was measured.
    pub figures: Value,
}

/// Which runs are asked for; the default is all of them.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Only of this drill.
    pub drill: Option<String>,
    /// Only of this environment.
    pub environment: Option<EnvironmentName>,
    /// Only older than this one, for the next page.
    pub before: Option<RunId>,
}
