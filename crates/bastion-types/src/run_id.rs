//! The id of a drill's run: `run_` and 24 letters, in the order of time.
//!
//! It must never name a call: those have ids of their own.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{RequestId, Timestamp};

const PREFIX: &str = "run_";
const CALL_PREFIX: &str = "req_";

/// Names one run of a drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(RequestId);

impl RunId {
    /// A new id; ids sort by time.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn generate(now: Timestamp) -> Result<RunId, getrandom::Error> {
        RequestId::generate(now).map(RunId)
    }

    /// Reads an id that [`RunId::generate`] made.
    pub fn parse(text: &str) -> Option<RunId> {
        let rest = text.strip_prefix(PREFIX)?;
        RequestId::parse(&format!("{CALL_PREFIX}{rest}")).map(RunId)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.0.as_str().strip_prefix(CALL_PREFIX).unwrap_or_default();
        write!(f, "{PREFIX}{rest}")
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_is_no_calls() {
        let id = RunId::generate(Timestamp::from_micros(1)).unwrap();
        let text = id.to_string();
        assert!(text.starts_with("run_") && text.len() == 28, "{text}");
        assert_eq!(RunId::parse(&text), Some(id));
        assert_eq!(RequestId::parse(&text), None);
        assert_eq!(RunId::parse(&text.replace("run_", "req_")), None);
        assert!(id < RunId::generate(Timestamp::from_micros(9)).unwrap());
    }
}
