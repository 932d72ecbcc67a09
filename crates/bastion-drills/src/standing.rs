//! The one run that may be at work: who it is, whether somebody still waits for it.
//!
//! It must never let a second run begin, and never forget one that works.

use std::sync::Arc;
use std::time::Duration;

use bastion_observe::RunningDrill;
use bastion_runtime::Drain;
use bastion_types::{EnvironmentName, RunId};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::progress::Progress;

/// Whoever waits for a run asks more often than this; silence for so long ends it.
pub(crate) const ATTENDANCE: Duration = Duration::from_secs(5);

/// A run at work.
#[derive(Clone)]
pub(crate) struct Current {
    pub(crate) id: RunId,
    pub(crate) drill: &'static str,
    pub(crate) environment: EnvironmentName,
    pub(crate) progress: Arc<Progress>,
    /// Begun: the run is to end.
    pub(crate) stop: Drain,
    /// When it was last asked for; none: it goes on without anybody.
    asked_at: Option<Instant>,
}

impl Current {
    pub(crate) fn new(
        id: RunId,
        drill: &'static str,
        environment: EnvironmentName,
        is_attended: bool,
    ) -> Current {
        Current {
            id,
            drill,
            environment,
            progress: Arc::default(),
            stop: Drain::new(),
            asked_at: is_attended.then(Instant::now),
        }
    }

    fn told(&self) -> RunningDrill {
        RunningDrill {
            id: self.id,
            drill: self.drill,
            environment: self.environment.clone(),
            progress: self.progress.text(),
        }
    }
}

/// Place for one run.
#[derive(Default)]
pub(crate) struct Standing {
    current: Mutex<Option<Current>>,
}

impl Standing {
    /// Takes the place; who has it, if it is taken.
    pub(crate) fn take(&self, wanted: Current) -> Result<(), RunningDrill> {
        let mut current = self.current.lock();
        if let Some(running) = &*current {
            return Err(running.told());
        }
        *current = Some(wanted);
        Ok(())
    }

    /// Gives the place back.
    pub(crate) fn leave(&self, id: RunId) {
        let mut current = self.current.lock();
        if current.as_ref().is_some_and(|running| running.id == id) {
            *current = None;
        }
    }

    /// Who has the place.
    pub(crate) fn running(&self) -> Option<RunningDrill> {
        self.current.lock().as_ref().map(Current::told)
    }

    /// Somebody asked for this run; only one that is attended notices.
    pub(crate) fn attend(&self, id: RunId) {
        let mut current = self.current.lock();
        if let Some(running) = current.as_mut().filter(|running| running.id == id)
            && let Some(asked_at) = &mut running.asked_at
        {
            *asked_at = Instant::now();
        }
    }

    /// Ends this run, if it has the place.
    pub(crate) fn stop(&self, id: RunId) -> bool {
        let current = self.current.lock();
        let running = current.as_ref().filter(|running| running.id == id);
        if let Some(running) = running {
            running.stop.begin();
        }
        running.is_some()
    }

    /// Since when nobody asked for the run that has the place; none where nobody has to.
    pub(crate) fn silence(&self, id: RunId) -> Option<Duration> {
        let current = self.current.lock();
        let running = current.as_ref().filter(|running| running.id == id)?;
        Some(running.asked_at?.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use bastion_types::Timestamp;

    use super::*;

    fn current(is_attended: bool) -> Current {
        let id = RunId::generate(Timestamp::from_micros(1)).unwrap();
        Current::new(id, "retry", EnvironmentName::parse("prod").unwrap(), is_attended)
    }

    #[test]
    fn there_is_place_for_one_and_it_is_given_back_by_its_own_run() {
        let standing = Standing::default();
        let (first, second) = (current(false), current(false));
        standing.take(first.clone()).unwrap();
        first.progress.say("call 1 of 2");
        let busy = standing.take(second.clone()).unwrap_err();
        assert_eq!((busy.id, busy.progress.as_str()), (first.id, "call 1 of 2"));
        standing.leave(second.id);
        assert!(!standing.stop(second.id));
        assert_eq!(standing.running().unwrap().id, first.id);
        assert!(standing.stop(first.id) && first.stop.has_begun());
        standing.leave(first.id);
        assert!(standing.running().is_none());
        standing.take(second).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_run_that_somebody_waits_for_knows_silence() {
        let standing = Standing::default();
        let (alone, attended) = (current(false), current(true));
        standing.take(alone.clone()).unwrap();
        tokio::time::advance(ATTENDANCE * 2).await;
        assert_eq!(standing.silence(alone.id), None);
        standing.leave(alone.id);
        standing.take(attended.clone()).unwrap();
        tokio::time::advance(ATTENDANCE * 2).await;
        assert!(standing.silence(attended.id).unwrap() > ATTENDANCE);
        standing.attend(attended.id);
        assert_eq!(standing.silence(attended.id), Some(Duration::ZERO));
    }
}
