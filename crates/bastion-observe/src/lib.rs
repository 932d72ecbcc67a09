//! What can be seen from outside: metrics, the log, the records of calls, and the redactor that
//! stands before all of them.
//!
//! It must never show a key, a prompt or a completion, whoever asks for it to be written.

mod call_line;
mod call_sink;
mod deployment;
mod drills;
mod labels;
mod limits_metrics;
mod log;
mod metrics;
mod program;
mod readiness;
mod redact;
mod sightings;

pub use call_sink::{CallSink, CallSinkWriter, call_sink};
pub use deployment::{Deployment, EnvironmentMoney, Setting};
pub use drills::{DrillWish, Drills, KnownDrill, NotStarted, RunningDrill};
pub use labels::AttemptOutcome;
pub use limits_metrics::LimitsMetrics;
pub use log::{LogFormat, LogSink, start_log};
pub use metrics::{InFlight, Metrics, ReloadOutcome};
pub use readiness::{Check, Part, Readiness, Standing};
pub use redact::{REDACTED, Redactor};
pub use sightings::Sightings;
