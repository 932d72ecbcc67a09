//! Where drills are started, watched and ended, one at a time, each recorded from its begin on.
//!
//! It must never return from a run before its rehearsal is closed and its end is written down.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bastion_observe::{DrillWish, Drills, KnownDrill, NotStarted, RunningDrill};
use bastion_runtime::{Drain, Tasks};
use bastion_store::{DrillOutcome, DrillRun, Ending, Store};
use bastion_types::{Clock, RunId, Span};
use serde_json::Value;

use crate::course::Course;
use crate::drills::{self, Drill};
use crate::findings::Findings;
use crate::rehearsal::{OpenRehearsal, Rehearse};
use crate::standing::{ATTENDANCE, Current, Standing};

/// Longest run of a drill. The policy's own waits are shorter, or the drill cannot end.
const RUN_LIMIT: Span = Span::from_secs(180);

/// What closing a rehearsal and writing the end down may take beyond that.
const CLOSE_LIMIT: Span = Span::from_secs(30);

/// How often it is looked whether somebody still waits.
const WATCH: Duration = Duration::from_millis(500);

/// Tries to write a run's end down.
const RECORD_TRIES: u32 = 5;

/// Between them.
const RECORD_PAUSE: Duration = Duration::from_millis(500);

/// What a run is held against later.
#[derive(Debug, Clone)]
pub struct PolicySeen {
    /// The hash of the settings that calls go by.
    pub hash: String,
    /// The version that runs.
    pub version: String,
}

/// What the hall works with.
pub struct HallTools {
    /// Opens rehearsals.
    pub rehearse: Arc<dyn Rehearse>,
    /// The settings that calls go by just now.
    pub policy: Box<dyn Fn() -> PolicySeen + Send + Sync>,
    /// Where runs are recorded.
    pub store: Store,
    /// The one clock.
    pub clock: Arc<dyn Clock>,
    /// Where runs run to their end.
    pub tasks: Tasks,
    /// Has the process's end begun?
    pub drain: Drain,
}

/// The hall; cheap to clone.
#[derive(Clone)]
pub struct Hall {
    inner: Arc<Inner>,
}

struct Inner {
    tools: HallTools,
    standing: Standing,
}

impl Hall {
    /// Nothing runs yet.
    pub fn new(tools: HallTools) -> Hall {
        Hall { inner: Arc::new(Inner { tools, standing: Standing::default() }) }
    }
}

impl Drills for Hall {
    fn known(&self) -> Vec<KnownDrill> {
        drills::ALL.iter().map(|drill| drill.card()).collect()
    }

    fn start(
        &self,
        wish: DrillWish,
    ) -> Pin<Box<dyn Future<Output = Result<DrillRun, NotStarted>> + Send + '_>> {
        Box::pin(self.begin(wish))
    }

    fn running(&self) -> Option<RunningDrill> {
        self.inner.standing.running()
    }

    fn attend(&self, id: RunId) {
        self.inner.standing.attend(id);
    }

    fn stop(&self, id: RunId) -> bool {
        self.inner.standing.stop(id)
    }
}

impl Hall {
    async fn begin(&self, wish: DrillWish) -> Result<DrillRun, NotStarted> {
        let inner = &self.inner;
        let tools = &inner.tools;
        if tools.drain.has_begun() {
            return Err(NotStarted::Draining);
        }
        let drill = drills::ALL.iter().find(|drill| drill.card().name == wish.drill);
        let drill = *drill.ok_or(NotStarted::Unknown)?;
        let run = tools.begun(drill.card().name, &wish)?;
        let name = drill.card().name;
        let current = Current::new(run.id, name, wish.environment, wish.is_attended);
        inner.standing.take(current.clone()).map_err(NotStarted::Busy)?;
        if let Err(cause) = tools.store.evidence().begin_run(&run).await {
            inner.standing.leave(run.id);
            return Err(NotStarted::Store(cause));
        }
        tracing::info!(run = %run.id, drill = name, environment = %run.environment, "a drill begins");
        let work = Arc::clone(inner).work(drill, current);
        drop(tools.tasks.spawn(Box::pin(work)));
        Ok(run)
    }
}

impl HallTools {
    fn begun(&self, drill: &str, wish: &DrillWish) -> Result<DrillRun, NotStarted> {
        let started_at = self.clock.now();
        let id = RunId::generate(started_at).map_err(|_| NotStarted::NoRandomness)?;
        let PolicySeen { hash, version } = (self.policy)();
        Ok(DrillRun {
            id,
            drill: drill.to_owned(),
            environment: wish.environment.clone(),
            started_at,
            until: started_at.plus(RUN_LIMIT).plus(CLOSE_LIMIT),
            ended_at: None,
            outcome: DrillOutcome::Running,
            policy_hash: hash,
            version,
            reason: String::new(),
            figures: Value::Object(serde_json::Map::default()),
        })
    }

    /// Writes the end down; a store that is lost leaves a run that its deadline ends.
    async fn record(&self, id: RunId, findings: Findings) {
        let Findings { outcome, reason, figures } = findings;
        let ending =
            Ending { at: self.clock.now(), outcome, reason, figures: figures.into_value() };
        tracing::info!(run = %id, outcome = outcome.as_str(), reason = ending.reason, "a drill ended");
        for tried in 1..=RECORD_TRIES {
            let Err(cause) = self.store.evidence().end_run(id, &ending).await else { return };
            tracing::error!(run = %id, %cause, tried, "the end of a drill could not be written down");
            tokio::time::sleep(RECORD_PAUSE).await;
        }
    }
}

impl Inner {
    /// The whole run: a rehearsal, the drill, the rehearsal closed, the end written down.
    async fn work(self: Arc<Inner>, drill: &'static dyn Drill, current: Current) {
        current.progress.say("the rehearsal is opened");
        let opened = self.tools.rehearse.open(&current.environment).await;
        let findings = match opened {
            Ok(OpenRehearsal { rehearsal, close }) => {
                let course = Course::new(&rehearsal, &current.progress);
                let findings = self.drilled(drill, &course, &current).await;
                current.progress.say("the rehearsal is closed");
                close.await;
                findings
            }
            Err(cause) => Findings::interrupted(&cause.to_string()),
        };
        self.tools.record(current.id, findings).await;
        self.standing.leave(current.id);
    }

    async fn drilled(
        &self,
        drill: &'static dyn Drill,
        course: &Course<'_>,
        current: &Current,
    ) -> Findings {
        let limit = RUN_LIMIT.duration();
        tokio::select! {
            shown = drill.run(course) => Findings::of(shown, course.figures()),
            () = current.stop.begun() => Findings::interrupted("it was stopped"),
            () = self.tools.drain.begun() => {
                Findings::interrupted("the process that ran it was shut down")
            }
            () = self.nobody_waits(current.id) => {
                Findings::interrupted("whoever started it went away")
            }
            () = tokio::time::sleep(limit) => {
                Findings::interrupted(&format!("it was not over within {RUN_LIMIT}"))
            }
        }
    }

    /// Returns once whoever started the run has been silent for too long.
    async fn nobody_waits(&self, id: RunId) {
        loop {
            tokio::time::sleep(WATCH).await;
            if self.standing.silence(id).is_some_and(|silence| silence > ATTENDANCE) {
                return;
            }
        }
    }
}
