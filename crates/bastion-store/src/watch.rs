//! What a process does all the time for its store: signs of life, and a look at what others have
//! changed, at once when it is told and every half second anyway.
//!
//! It must never be what a call waits for, and never stop because the database is lost.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bastion_runtime::{Drain, Tasks};
use bastion_types::{Clock, MonoNanos};
use tokio::sync::Notify;

use crate::StoreError;
use crate::awake::{Awake, BLINK};
use crate::keys::KeyDirectory;
use crate::ledger::Ledger;
use crate::listener::Listener;
use crate::nodes::{Beat, Nodes};
use crate::postgres::PostgresDatabase;

/// Behind announcements, which a pooler or a broken connection can lose.
const POLL: Duration = Duration::from_millis(500);

/// Between two signs of life, where others look for them.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// The same in a file that no other process has: for people alone.
const LONE_HEARTBEAT: Duration = Duration::from_secs(10);

/// Between two tries to listen.
const LISTEN_AGAIN: Duration = Duration::from_secs(2);

/// What the watch works with; cheap to clone.
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) nodes: Nodes,
    pub(crate) keys: KeyDirectory,
    pub(crate) ledger: Ledger,
    pub(crate) awake: Awake,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ending: Drain,
}

impl Watch {
    /// Of a file that this process has alone: signs of life, and whether anything limits calls.
    pub(crate) fn alone(self, tasks: &Tasks) {
        let ending = self.ending.clone();
        until(tasks, ending, live_alone(self.nodes, self.ledger));
    }

    /// Of a database that others use too.
    pub(crate) fn shared(self, database: PostgresDatabase, tasks: &Tasks) {
        let told = Arc::new(Notify::new());
        until(tasks, self.ending.clone(), blink(self.awake.clone(), Arc::clone(&told)));
        until(tasks, self.ending.clone(), listen(database, Arc::clone(&told)));
        until(tasks, self.ending.clone(), self.look(told));
    }

    async fn look(self, told: Arc<Notify>) {
        let mut next_beat = self.clock.monotonic();
        let (mut lost, mut is_told) = (false, false);
        loop {
            if is_told {
                // Who announced something waits until all have seen it.
                next_beat = self.clock.monotonic();
            }
            let looked = self.step(&mut next_beat).await;
            tell_of_change(lost, looked.as_ref().err());
            lost = looked.is_err();
            is_told = tokio::time::timeout(POLL, told.notified()).await.is_ok();
        }
    }

    async fn step(&self, next_beat: &mut MonoNanos) -> Result<(), StoreError> {
        let now = self.clock.monotonic();
        if now >= *next_beat || self.awake.has_napped() {
            if self.nodes.heartbeat(async || self.ledger.look_again().await).await? == Beat::Renewed
            {
                let lease = self.nodes.current();
                tracing::warn!(%lease, "this process gave no sign of life for too long: its lease \
                    has ended, it goes on under a new one");
            }
            *next_beat = now.after(HEARTBEAT);
        }
        let look = self.awake.begin_look();
        self.keys.read_changes().await?;
        self.ledger.look_again().await?;
        self.awake.end_look(&look);
        Ok(())
    }
}

/// A loss is told once, and so is its end.
fn tell_of_change(was_lost: bool, cause: Option<&StoreError>) {
    match cause {
        Some(cause) if !was_lost => {
            tracing::error!(%cause, "the database is lost; keys are known for a minute more");
        }
        None if was_lost => tracing::info!("the database is back"),
        Some(_) | None => {}
    }
}

async fn live_alone(nodes: Nodes, ledger: Ledger) {
    loop {
        tokio::time::sleep(LONE_HEARTBEAT).await;
        if let Err(cause) = nodes.heartbeat(async || Ok(())).await {
            tracing::warn!(%cause, "a sign of life could not be written");
        }
        // A cap may have been written by somebody who could not look again.
        if let Err(cause) = ledger.look_again().await {
            tracing::warn!(%cause, "whether anything limits calls could not be read");
        }
    }
}

async fn blink(awake: Awake, told: Arc<Notify>) {
    let mut pace = tokio::time::interval(BLINK);
    pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        if awake.blink() {
            tracing::warn!("this process was frozen; it answers again once it has looked");
            told.notify_one();
        }
    }
}

async fn listen(database: PostgresDatabase, told: Arc<Notify>) {
    loop {
        match Listener::of(&database).await {
            Ok(Some(mut listener)) => {
                while listener.heard().await.is_ok() {
                    told.notify_one();
                }
            }
            Ok(None) => {
                tracing::info!(
                    "store.url leads through a pooler: what other nodes change is looked \
                    for every {} ms",
                    POLL.as_millis()
                );
                return;
            }
            // The look tells of a database that is lost.
            Err(_) => {}
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

/// Runs `work`, which does not end by itself, until the end begins.
fn until(tasks: &Tasks, ending: Drain, work: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn(async move {
        tokio::select! {
            () = work => {}
            () = ending.begun() => {}
        }
    });
}
