//! What a drill works with: the rehearsal, its script, its log, and somebody who waits.
//!
//! It must never be kept beyond the drill.

use std::time::Duration;

use bastion_sim::{LogEntry, Script};
use bastion_types::ModelName;
use parking_lot::Mutex;
use serde_json::Value;

use crate::caller::Caller;
use crate::findings::{Figures, Missed};
use crate::progress::Progress;
use crate::rehearsal::Rehearsal;

/// What one drill works with.
pub(crate) struct Course<'a> {
    /// The gateway.
    pub(crate) rehearsal: &'a Rehearsal,
    progress: &'a Progress,
    figures: Mutex<Figures>,
}

impl<'a> Course<'a> {
    /// Nothing was done so far.
    pub(crate) fn new(rehearsal: &'a Rehearsal, progress: &'a Progress) -> Course<'a> {
        Course { rehearsal, progress, figures: Mutex::default() }
    }

    /// Tells whoever waits.
    pub(crate) fn say(&self, text: impl Into<String>) {
        self.progress.say(text);
    }

    /// Writes a figure down.
    pub(crate) fn measured(&self, name: impl Into<String>, value: impl Into<Value>) {
        self.figures.lock().add(name, value);
    }

    /// Every figure so far.
    pub(crate) fn figures(&self) -> Figures {
        self.figures.lock().clone()
    }

    /// Somebody who calls.
    pub(crate) fn caller(&self) -> Result<Caller<'a>, Missed> {
        Caller::new(self.rehearsal)
    }

    /// A model that answers chat.
    pub(crate) fn chat_model(&self) -> Result<&'a ModelName, Missed> {
        self.rehearsal.chat_model.as_ref().ok_or_else(|| {
            Missed::new("no model of kind chat can be reached from this environment, so no call could be made")
        })
    }

    /// From now on the simulated upstream plays this, with an empty log.
    pub(crate) fn play(&self, script: &str) -> Result<(), Missed> {
        let script = Script::parse(script)
            .map_err(|cause| Missed::new(format!("the drill's script cannot be read: {cause}")))?;
        self.rehearsal.controls.set_script(Some(script));
        self.rehearsal.log.clear();
        Ok(())
    }

    /// What the simulated upstream received since the script began, once all of it is answered.
    pub(crate) async fn received(&self) -> Vec<LogEntry> {
        let over = |entries: &[LogEntry]| entries.iter().all(|entry| entry.outcome.is_some());
        // An entry that never ends is told as it stands.
        let _is_over = self.rehearsal.log.wait_for(over, ANSWERS_END).await;
        self.rehearsal.log.entries()
    }
}

/// How long answers may take to be over once the caller has all of its own.
const ANSWERS_END: Duration = Duration::from_secs(5);
