//! The money that is set aside for one call, while it runs.
//!
//! It must never let a second attempt go that nothing is set aside for, and must end in `settle`.

use bastion_store::{Cost, Ledger, NotHeld, Settled, StoreError, Ticket};
use bastion_types::Money;
use parking_lot::Mutex;

/// What a call may cost, set aside.
pub(crate) struct Purse {
    ticket: Mutex<Ticket>,
    /// The most that one attempt costs; none where a model has no price or nothing bounds it.
    each: Option<Money>,
}

impl Purse {
    /// With what is set aside for the first attempt.
    pub(in crate::path) fn new(ticket: Ticket, each: Option<Money>) -> Purse {
        Purse { ticket: Mutex::new(ticket), each }
    }

    /// The most that one attempt costs.
    pub(in crate::path) fn each(&self) -> Option<Money> {
        self.each
    }

    /// The cap that the call does not fit into and that is only observed.
    pub(in crate::path) fn unfit(&self) -> Option<NotHeld> {
        self.ticket.lock().unfit().cloned()
    }

    /// May an attempt be sent on what is set aside?
    pub(crate) fn stands(&self, ledger: &Ledger) -> bool {
        ledger.stands_for(&self.ticket.lock())
    }

    /// Sets as much aside again: the attempt before may have cost all of it.
    ///
    /// # Errors
    /// When there is no room for it; what is set aside stays.
    pub(crate) async fn extend(&self, ledger: &Ledger) -> Result<(), NotHeld> {
        let ticket = self.ticket.lock().clone();
        let extended = ledger.extend(&ticket, self.each.unwrap_or_default()).await?;
        *self.ticket.lock() = extended;
        Ok(())
    }

    /// Charges, and gives the rest back; the teller has it then, the disk soon.
    ///
    /// # Errors
    /// When the process ends first; the hold is swept later.
    pub(in crate::path) fn settle(
        self,
        ledger: &Ledger,
        cost: Cost,
    ) -> impl Future<Output = Result<Settled, StoreError>> + use<> {
        ledger.settle(self.ticket.into_inner(), cost)
    }
}
