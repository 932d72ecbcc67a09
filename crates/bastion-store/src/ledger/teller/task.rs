//! What is brought to the teller, and where its answer goes.
//!
//! It must never be answered twice.

use bastion_types::{Money, Timestamp};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::order::{Charged, Cost, HoldOrder, Labels, NotHeld, Ticket};
use crate::StoreError;

/// What is brought to the teller and cannot wait for others.
pub(in crate::ledger) enum Task {
    /// Set money aside.
    Hold(Box<Waiting>),
    /// Set more aside, for another attempt.
    Extend(Box<Extending>),
    /// Somebody else may have made room.
    LookAgain,
    /// Take nothing more.
    Close,
}

/// Who waits for a hold.
pub(in crate::ledger) struct Waiting {
    pub(in crate::ledger) order: HoldOrder,
    /// Until when room may come.
    pub(in crate::ledger) until: Instant,
    pub(in crate::ledger) answer: oneshot::Sender<Result<Ticket, NotHeld>>,
}

/// Who asks for more.
pub(in crate::ledger) struct Extending {
    pub(in crate::ledger) ticket: Ticket,
    pub(in crate::ledger) more: Money,
    pub(in crate::ledger) answer: oneshot::Sender<Result<Ticket, NotHeld>>,
}

/// How a call ended.
pub(in crate::ledger) enum Ending {
    /// It cost this; boxed, since it is handed on many times.
    Charged(Box<Cost>),
    /// Nothing was sent: all of it is given back.
    GivenBack(Labels),
}

/// A call that is over.
pub(in crate::ledger) struct Settling {
    pub(in crate::ledger) ticket: Ticket,
    pub(in crate::ledger) ending: Ending,
    pub(in crate::ledger) at: Timestamp,
    /// It was tried before, and may be in the database.
    pub(in crate::ledger) again: bool,
    pub(in crate::ledger) answer: Option<oneshot::Sender<Result<Charged, StoreError>>>,
}

impl Settling {
    /// What it charges.
    pub(super) fn amount(&self) -> Money {
        match &self.ending {
            Ending::Charged(cost) => self.ticket.charge_of(cost.amount),
            Ending::GivenBack(_) => Money::ZERO,
        }
    }

    /// Does it give all of its hold back?
    pub(super) fn is_given_back(&self) -> bool {
        matches!(self.ending, Ending::GivenBack(_))
    }
}
