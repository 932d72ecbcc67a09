//! The teller: holds and settlements of all tasks, one transaction a batch.
//!
//! It must never say that money is set aside before that is on the disk, never let one that came
//! later pass one that waits for the same account, and never lose a settlement.

mod batch;
mod desk;
mod doubts;
mod line;
mod refused;
mod round;
mod task;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

pub(super) use desk::{Brought, Desk, desk};
pub(super) use task::{Ending, Extending, Settling, Task, Waiting};

use super::bank::Bank;
use super::outage::Outage;
use batch::{BATCH_TASKS, Batch};
use doubts::Doubts;
use line::Line;
use refused::Refused;

/// Settlements that are kept while the database is away.
const MAX_OWED: usize = 65_536;

/// Places of those that are kept for holds of calls that were refused meanwhile.
const KEPT_FOR_GIVING_BACK: usize = 8_192;

/// From a batch that failed to the next try.
const PAUSE: Duration = Duration::from_millis(250);

/// From a batch that was refused as a whole to its half.
const HALVING_PAUSE: Duration = Duration::from_millis(10);

/// How often those who wait are asked again when another process may have given money back.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How long the end waits for a database that is away; what is still owed then is swept later.
const LAST_TRIES: Duration = Duration::from_secs(10);

/// One process's teller.
pub(super) struct Teller {
    bank: Bank,
    brought: Brought,
    outage: Arc<Outage>,
    line: Line,
    /// The batch of the round before, empty: given back, the system would have to find its room anew.
    spare: Batch,
    /// Settlements and releases that the database did not take yet.
    owed: Vec<Settling>,
    /// So many of them give a hold back.
    owed_back: usize,
    /// Those that the database refuses.
    refused: Refused,
    /// Holds that may be written though their calls were refused.
    doubts: Doubts,
    retry_at: Option<Instant>,
    /// Nothing more comes.
    is_drained: bool,
    /// From when on the end waits no longer for a database that is away.
    give_up_at: Option<Instant>,
}

impl Teller {
    pub(super) fn new(bank: Bank, brought: Brought, outage: Arc<Outage>) -> Teller {
        Teller {
            bank,
            brought,
            outage,
            line: Line::default(),
            spare: Batch::default(),
            owed: Vec::new(),
            owed_back: 0,
            refused: Refused::default(),
            doubts: Doubts::default(),
            retry_at: None,
            is_drained: false,
            give_up_at: None,
        }
    }

    /// Works until the desk is closed and nothing is owed.
    pub(super) async fn run(mut self) {
        let mut fresh = Vec::new();
        loop {
            let open = self.gather(&mut fresh).await;
            self.round(&mut fresh).await;
            if (!open && self.owed.is_empty()) || self.is_late() {
                self.tell_refused();
                return;
            }
        }
    }

    /// Waits for a task, or for the next time that something is due. False: nothing more comes.
    async fn gather(&mut self, fresh: &mut Vec<Task>) -> bool {
        let due = self.due();
        if self.is_drained {
            if !self.owed.is_empty() {
                wait_until(due).await;
            }
            return false;
        }
        // What gives room is not kept from those who wait for it.
        let hurry = !self.line.is_empty();
        tokio::select! {
            open = self.brought.next(fresh, BATCH_TASKS, hurry) => {
                if !open {
                    self.is_drained = true;
                    for one in self.refused.take_all() {
                        self.owe(one);
                    }
                    self.line.turn_away_all();
                }
                open
            }
            () = wait_until(due) => true,
        }
    }

    /// When something happens without any task.
    fn due(&self) -> Option<Instant> {
        let look = (!self.line.is_empty()).then(|| Instant::now() + LOOK_AGAIN);
        let look = look.into_iter().chain(self.line.first_end()).min();
        let owes = !self.owed.is_empty();
        let retry = owes.then(|| self.retry_at.unwrap_or_else(Instant::now));
        [look, retry, self.refused.due(), self.doubts.due()].into_iter().flatten().min()
    }

    /// The end begins: it has a limit, whatever is still brought.
    fn close(&mut self) {
        self.brought.close();
        self.give_up_at.get_or_insert_with(|| Instant::now() + LAST_TRIES);
    }

    /// What could not be written to the end: what it holds is swept at the next start, what nothing
    /// limited is put right by an operator.
    fn tell_refused(&self) {
        self.refused.all().for_each(tell_unwritten);
    }

    fn is_late(&self) -> bool {
        let is_owing = !self.owed.is_empty();
        let late = is_owing && self.give_up_at.is_some_and(|at| Instant::now() >= at);
        if late {
            tracing::error!(
                settlements = self.owed.len() + self.brought.settlements(),
                "the database did not come back; what was not charged is told call by call"
            );
            self.owed.iter().for_each(tell_unwritten);
        }
        late
    }
}

/// Nobody else knows what it cost.
fn tell_unwritten(one: &Settling) {
    let (ticket, amount) = (&one.ticket, one.amount());
    let (environment, day) = (&ticket.payer.environment, ticket.payer.day);
    let call = ticket.call;
    if ticket.is_held() {
        tracing::error!(
            request_id = %call, %amount, %environment, %day,
            "this charge was not written; what was set aside for it is swept at the next start"
        );
    } else {
        tracing::error!(
            request_id = %call, %amount, %environment, %day,
            "this charge was not written, and nothing was set aside for it; put it right by bastion \
             ledger adjust --env"
        );
    }
}

async fn wait_until(due: Option<Instant>) {
    match due {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
