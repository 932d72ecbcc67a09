//! Where calls meet the teller: what cannot wait on one side, what can on the other.
//!
//! It must never make a hold wait behind more than one batch of settlements, nor wake the teller for
//! each of those.

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{Duration, Instant, sleep_until};

use super::task::{Settling, Task};
use crate::StoreError;

/// Tasks that wait for the teller; a call beyond them is refused.
const QUEUE_TASKS: usize = 16_384;

/// Settlements that wait for the teller; whoever brings another one waits for a place.
const QUEUE_SETTLEMENTS: usize = 65_536;

/// How long settlements are gathered: a transaction and a sync of the disk for each of them would
/// cost more than its call. A hold, an extension, somebody in line or a full batch ends that at once.
const GATHER: Duration = Duration::from_millis(50);

/// Where tasks and settlements are brought.
pub(in crate::ledger) struct Desk {
    pub(in crate::ledger) asked: mpsc::Sender<Task>,
    ended: mpsc::Sender<Settling>,
}

impl Desk {
    /// Do so many settlements wait that another one would have to wait for a place, or is nobody there
    /// to take one?
    pub(in crate::ledger) fn is_full(&self) -> bool {
        self.ended.capacity() == 0 || self.ended.is_closed()
    }

    /// Brings a settlement, at once if there is a place. Only one that waits for a place takes room
    /// in its call's task.
    ///
    /// # Errors
    /// Once the teller takes nothing more.
    pub(in crate::ledger) fn bring(
        &self,
        settling: Settling,
    ) -> impl Future<Output = Result<(), StoreError>> + use<> {
        let sent = self.ended.try_send(settling);
        let line = match sent {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(settling)) => {
                Ok(Some(Box::pin(wait(self.ended.clone(), settling))))
            }
            Err(TrySendError::Closed(_)) => Err(StoreError::Closed),
        };
        async move {
            match line? {
                Some(line) => line.await,
                None => Ok(()),
            }
        }
    }
}

async fn wait(ended: mpsc::Sender<Settling>, settling: Settling) -> Result<(), StoreError> {
    ended.send(settling).await.map_err(|_| StoreError::Closed)
}

/// What was brought.
pub(in crate::ledger) struct Brought {
    asked: mpsc::Receiver<Task>,
    ended: mpsc::Receiver<Settling>,
    /// The first of the settlements that are gathered, and until when.
    gathered: Option<(Settling, Instant)>,
}

/// A new desk, and what will be brought to it.
pub(in crate::ledger) fn desk() -> (Desk, Brought) {
    let (asked, tasks) = mpsc::channel(QUEUE_TASKS);
    let (ended, settlements) = mpsc::channel(QUEUE_SETTLEMENTS);
    (Desk { asked, ended }, Brought { asked: tasks, ended: settlements, gathered: None })
}

impl Brought {
    /// Waits for the first task, or until settlements have been gathered. False: it is closed, and
    /// all of it was taken.
    pub(super) async fn next(
        &mut self,
        tasks: &mut Vec<Task>,
        at_most: usize,
        hurry: bool,
    ) -> bool {
        loop {
            let until = self.gathered.as_ref().map(|(_, until)| *until);
            tokio::select! {
                biased;
                got = self.asked.recv_many(tasks, at_most) => {
                    if got > 0 {
                        return true;
                    }
                    // Closed: what was brought is still taken, and may have to wait for room.
                    if until.is_none() {
                        let Ok(first) = self.ended.try_recv() else { return false };
                        self.gathered = Some((first, Instant::now()));
                    }
                    gathered(self.gathered.as_ref().map(|(_, until)| *until)).await;
                    return true;
                }
                () = gathered(until) => return true,
                // Not asked while some are gathered: each that comes would wake the teller.
                first = self.ended.recv(), if until.is_none() => {
                    let Some(first) = first else { return false };
                    // A full batch waits for no more: else more could come than is ever taken.
                    let is_full = self.ended.len() >= at_most;
                    let patience = if hurry || is_full { Duration::ZERO } else { GATHER };
                    self.gathered = Some((first, Instant::now() + patience));
                }
            }
        }
    }

    /// Settlements that have been brought by now; how many they are.
    pub(super) fn take_settlements(
        &mut self,
        at_most: usize,
        mut take: impl FnMut(Settling),
    ) -> usize {
        if at_most == 0 {
            // It keeps its place; nobody is woken for it before there may be room.
            if let Some((_, until)) = &mut self.gathered {
                *until = Instant::now() + GATHER;
            }
            return 0;
        }
        let mut taken = 0;
        if let Some((first, _)) = self.gathered.take() {
            take(first);
            taken += 1;
        }
        while taken < at_most
            && let Ok(one) = self.ended.try_recv()
        {
            take(one);
            taken += 1;
        }
        taken
    }

    /// How many settlements wait.
    pub(super) fn settlements(&self) -> usize {
        self.ended.len()
    }

    /// For how many settlements there is a place.
    #[cfg(test)]
    pub(super) fn places(&self) -> usize {
        self.ended.capacity()
    }

    /// Takes nothing more.
    pub(super) fn close(&mut self) {
        self.asked.close();
        self.ended.close();
    }
}

async fn gathered(until: Option<Instant>) {
    match until {
        // A timer would ring a millisecond later.
        Some(until) if until <= Instant::now() => {}
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
