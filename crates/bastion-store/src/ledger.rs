//! The ledger: what was paid in, what calls cost, what is set aside for those that run.
//!
//! Amounts are nano-units, counted with checked arithmetic. It must never let a limit be passed,
//! never lose a settlement, and never change or delete an entry: what was wrong is put right by
//! another one.
#![deny(clippy::float_arithmetic, clippy::as_conversions)]

mod bank;
mod beyond;
mod books;
mod days;
mod hand;
mod limited;
mod marks;
mod order;
mod outage;
mod settled;
mod spend;
mod teller;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use bastion_runtime::Tasks;
use bastion_types::{Clock, Money, RequestId};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

pub use beyond::{BeyondHold, BeyondHolds};
pub use hand::{Account, Adjustment, Concerns, HandError, SetCap, TopUp, TopUpOutcome};
pub use marks::Marks;
pub use order::{
    Cap, Charged, Cost, HoldOrder, Labels, NotHeld, Payer, Prepaid, Shortage, Ticket,
    UnknownOutcome,
};
pub use settled::Settled;
pub use spend::{SpendBy, SpendRow, Spent};
pub use verify::{Difference, Verdict};

#[cfg(test)]
pub(crate) use bank::rows::STATEMENTS as STATEMENTS_OF_ROWS;
#[cfg(test)]
pub(crate) use beyond::beyond_statement;
#[cfg(test)]
pub(crate) use days::STATEMENTS as STATEMENTS_OF_DAYS;
#[cfg(test)]
pub(crate) use hand::STATEMENTS as STATEMENTS_OF_HAND;
#[cfg(test)]
pub(crate) use limited::STATEMENTS as STATEMENTS_OF_LIMITED;
#[cfg(test)]
pub(crate) use spend::{STATEMENTS as STATEMENTS_OF_SPEND, statements as statements_of_spend};
#[cfg(test)]
pub(crate) use verify::STATEMENTS as STATEMENTS_OF_VERIFY;

use crate::StoreError;
use crate::database::Database;
use crate::nodes::Nodes;
use bank::{Bank, Needs};
use books::Books;
use days::Days;
use limited::Limited;
use outage::Outage;
use teller::{Desk, Ending, Settling, Task, Teller, Waiting};

/// How long a call waits for the disk, beside what it may wait for room.
const DURABLE_WITHIN: Duration = Duration::from_secs(2);

/// Holds of dead processes that one transaction ends.
const SWEPT_AT_ONCE: u32 = 500;

/// The ledger; cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    inner: Arc<Inner>,
}

struct Inner {
    desk: Desk,
    bank: Bank,
    clock: Arc<dyn Clock>,
    outage: Arc<Outage>,
    days: Days,
    limited: Limited,
    tasks: Tasks,
}

impl Ledger {
    /// Opens the ledger. What it holds it holds under the lease that this process has in `nodes`.
    pub(crate) async fn open(
        db: Database,
        clock: Arc<dyn Clock>,
        nodes: Nodes,
        tasks: &Tasks,
    ) -> Result<Ledger, StoreError> {
        let bank = Bank::new(db, Arc::clone(&clock), nodes);
        let outage = Arc::new(Outage::new(Arc::clone(&clock)));
        let (desk, brought) = teller::desk();
        let days = Days::read(bank.db()).await?;
        let limited = Limited::default();
        limited.read(bank.db()).await?;
        tasks.spawn(Teller::new(bank.clone(), brought, Arc::clone(&outage)).run());
        let inner = Inner { desk, bank, clock, outage, days, limited, tasks: tasks.clone() };
        Ok(Ledger { inner: Arc::new(inner) })
    }

    /// Does anything limit this call: a cap, or a balance?
    pub fn limits(&self, order: &HoldOrder) -> bool {
        self.inner.limited.limits(order)
    }

    /// May there be a limit that this process could not look for? Then every call counts as limited.
    pub fn is_in_doubt(&self) -> bool {
        self.inner.limited.is_in_doubt()
    }

    /// Looks again whether anything limits calls: another process may have set the first cap or
    /// paid in for the first time. What a limit is stands in the ledger, which each hold reads.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(crate) async fn look_again(&self) -> Result<(), StoreError> {
        self.inner.limited.read(self.inner.bank.db()).await
    }

    /// Is there no place for what another call would owe? The database has been away for long then, or is
    /// slower than calls come, and what is sent now would wait in memory without a bound.
    pub fn is_full(&self) -> bool {
        self.inner.desk.is_full()
    }

    /// Does the balance refuse what it does not hold?
    pub fn balance_refuses(&self, prepaid: Prepaid) -> bool {
        self.inner.limited.balance_refuses(prepaid)
    }

    /// Sets the most that a call may cost aside, durably. A call that nothing limits has nothing
    /// set aside and no wait; it is counted at its end.
    ///
    /// # Errors
    /// When a limit has no room, at once or within the order's wait, or the database is away.
    pub async fn hold(&self, order: HoldOrder) -> Result<Ticket, NotHeld> {
        self.hold_until(order, std::future::pending()).await
    }

    /// The same, but waits no longer than until `over` ends. Nobody may just drop it: what was set
    /// aside in that moment would stay so.
    ///
    /// # Errors
    /// As [`Ledger::hold`]; at the end of `over` that the database is away.
    pub async fn hold_until(
        &self,
        mut order: HoldOrder,
        over: impl Future<Output = ()>,
    ) -> Result<Ticket, NotHeld> {
        if !self.limits(&order) {
            return Ok(self.count(order));
        }
        let (day, marks) = self.inner.days.count_on(&order.payer);
        (order.payer.day, order.marks) = (day, marks);
        let until = Instant::now() + order.wait;
        let (answer, told) = oneshot::channel();
        let waiting = Box::new(Waiting { order, until, answer });
        // Before it is asked for: the one that it is written under is this one, or a later one.
        let lease = Some(self.inner.bank.nodes().current());
        let ticket = self.ask(Task::Hold(waiting), told, (until, over)).await?;
        Ok(Ticket { lease, ..ticket })
    }

    /// May something be sent on this ticket? Not once the lease that holds its money may have ended:
    /// another process may have swept it.
    pub fn stands_for(&self, ticket: &Ticket) -> bool {
        !ticket.is_held()
            || ticket.lease.as_ref().is_some_and(|lease| self.inner.bank.nodes().holds(lease))
    }

    /// Lets a call go on for which nothing is set aside: it is counted at its end.
    pub fn count(&self, mut order: HoldOrder) -> Ticket {
        let (day, marks) = self.inner.days.count_on(&order.payer);
        order.payer.day = day;
        Ticket::counted(order, marks)
    }

    /// Sets as much aside again, for another attempt of a call: it does not wait for room.
    ///
    /// # Errors
    /// As [`Ledger::hold`]; then the ticket stays as it was.
    pub async fn extend(&self, ticket: &Ticket, more: Money) -> Result<Ticket, NotHeld> {
        if !ticket.is_held() {
            return Ok(ticket.clone());
        }
        let (answer, told) = oneshot::channel();
        let extending = teller::Extending { ticket: ticket.clone(), more, answer };
        let until = (Instant::now(), std::future::pending());
        self.ask(Task::Extend(Box::new(extending)), told, until).await
    }

    /// Charges what a call cost and gives the rest back, in one. It returns as soon as the teller
    /// has it; [`Settled::durable`] waits until it is on the disk.
    ///
    /// What was used is owed: it is tried as long as the database is away.
    ///
    /// # Errors
    /// When the process ends first; then the call's hold is swept at the next start.
    pub fn settle(
        &self,
        ticket: Ticket,
        cost: Cost,
    ) -> impl Future<Output = Result<Settled, StoreError>> + use<> {
        let amount = ticket.charge_of(cost.amount);
        let brought = self.bring(ticket, Ending::Charged(Box::new(cost)));
        async move { Ok(Settled::new(amount, brought.await?)) }
    }

    /// Gives all of it back: nothing was sent.
    ///
    /// # Errors
    /// As [`Ledger::settle`].
    pub async fn release(&self, ticket: Ticket) -> Result<(), StoreError> {
        if !ticket.is_held() {
            return Ok(());
        }
        let told = self.bring(ticket, Ending::GivenBack(Labels::default())).await?;
        Settled::new(Money::ZERO, told).durable().await.map(drop)
    }

    /// Ends what processes held whose lease has ended. Returns how many holds that were.
    ///
    /// # Errors
    /// When the database cannot be written; what was ended stays ended.
    pub async fn sweep(&self, outcome: UnknownOutcome) -> Result<u64, StoreError> {
        let mut swept = 0_u64;
        loop {
            let ended = self.inner.bank.ended_holds(SWEPT_AT_ONCE).await?;
            if ended.is_empty() {
                return Ok(swept);
            }
            swept = swept.saturating_add(self.end(ended, outcome).await?);
            drop(self.inner.desk.asked.try_send(Task::LookAgain));
        }
    }

    async fn end(
        &self,
        ended: Vec<books::OpenHold>,
        outcome: UnknownOutcome,
    ) -> Result<u64, StoreError> {
        let mut books = Books::default();
        let places: Vec<_> = ended.iter().map(|hold| books.stand(&hold.payer)).collect();
        let holds = ended.iter().map(|hold| hold.call).collect();
        let needs = Needs { holds, ..Needs::default() };
        let at = self.inner.clock.now();
        let count = u64::try_from(ended.len()).unwrap_or(u64::MAX);
        let all = move |books: &mut Books| {
            let each = ended.iter().zip(&places).map(|(hold, places)| {
                let swept = books.sweep(hold, outcome, (places, at));
                swept
                    .inspect_err(|cause| not_swept(hold, cause))
                    .map(|charged| (hold.call, charged))
            });
            each.collect::<Vec<_>>()
        };
        let swept = self.inner.bank.run(books, needs, all).await?;
        swept.iter().flatten().for_each(told);
        // One that cannot be counted keeps nobody else's money; the first is told at the end.
        swept.into_iter().find_map(Result::err).map_or(Ok(count), Err)
    }

    fn bring(
        &self,
        ticket: Ticket,
        ending: Ending,
    ) -> impl Future<Output = Result<oneshot::Receiver<Result<Charged, StoreError>>, StoreError>> + use<>
    {
        let at = self.inner.clock.now();
        let (answer, told) = oneshot::channel();
        let settling = Settling { ticket, ending, at, again: false, answer: Some(answer) };
        let brought = self.inner.desk.bring(settling);
        async move { brought.await.map(|()| told) }
    }

    /// Asks the teller, unless the database is known to be away.
    async fn ask(
        &self,
        task: Task,
        mut told: oneshot::Receiver<Result<Ticket, NotHeld>>,
        (until, over): (Instant, impl Future<Output = ()>),
    ) -> Result<Ticket, NotHeld> {
        let busy = || NotHeld::unavailable(&StoreError::Busy);
        if self.inner.outage.is_on() || self.inner.desk.asked.try_send(task).is_err() {
            return Err(busy());
        }
        let is_late = tokio::select! {
            biased;
            answered = timeout_at(until + DURABLE_WITHIN, &mut told) => match answered {
                Ok(Ok(told)) => return told,
                Ok(Err(_)) => return Err(NotHeld::unavailable(&StoreError::Closed)),
                Err(_) => true,
            },
            () = over => false,
        };
        // An answer that came in this moment holds money; behind the close none comes, and the
        // teller gives back what it could not hand over.
        told.close();
        told.try_recv().unwrap_or_else(|_| {
            if is_late {
                self.inner.outage.began();
            }
            Err(busy())
        })
    }

    /// Takes nothing more, writes what is owed.
    pub(crate) async fn close(&self) {
        drop(self.inner.desk.asked.send(Task::Close).await);
    }
}

/// Nothing else names the call: its record died with its process.
fn told((call, charged): &(RequestId, Charged)) {
    if charged.marks.has(Marks::UNKNOWN_OUTCOME) {
        let amount = charged.amount;
        tracing::warn!(request_id = %call, %amount, "a call of a dead process is settled unseen");
    }
}

fn not_swept(hold: &books::OpenHold, cause: &StoreError) {
    tracing::error!(request_id = %hold.call, %cause, "a hold was not swept");
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ledger")
    }
}

#[cfg(test)]
mod tests;
