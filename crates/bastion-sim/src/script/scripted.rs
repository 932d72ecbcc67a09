//! One `[[answer]]` of a script.
//!
//! It must never count: the play does.

use serde::Deserialize;

use crate::script::fields::{Count, Events, Garbage, Headers, Match, Millis, ScriptedBody, Status};
use crate::steps::Faults;

/// Field names are those of the interface, Forms that programs rely on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScriptedAnswer {
    #[serde(default, rename = "match")]
    pub(crate) rule: Match,
    /// How often it applies; with `nth`, so often from that request on.
    pub(crate) times: Option<Count>,
    pub(crate) status: Option<Status>,
    #[serde(default)]
    pub(crate) headers: Headers,
    pub(crate) body: Option<ScriptedBody>,
    /// Before the head.
    #[serde(default)]
    pub(crate) delay_ms: Millis,
    pub(crate) events: Option<Events>,
    /// Between events.
    pub(crate) gap_ms: Option<Millis>,
    /// Events of a stream, bytes of a body.
    cut_after: Option<u64>,
    stall_after: Option<u64>,
    pub(crate) garbage: Option<Garbage>,
}

impl ScriptedAnswer {
    /// Does garbage have a place of its own, or is it all there is?
    pub(crate) fn garbage_is_all(&self) -> bool {
        self.garbage.is_some()
            && self.body.is_none()
            && self.events.is_none()
            && self.cut_after.is_none()
            && self.stall_after.is_none()
    }

    pub(crate) fn faults(&self) -> Faults {
        let garbage = if self.garbage_is_all() { None } else { self.garbage.clone() };
        Faults {
            cut_after: self.cut_after,
            stall_after: self.stall_after,
            garbage: garbage.map(|garbage| garbage.0),
        }
    }
}
