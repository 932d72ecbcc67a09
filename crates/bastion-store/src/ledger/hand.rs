//! What operators do to the ledger: pay in, put right, set caps, look.
//!
//! It must never do the same twice under one reference.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use bastion_types::{
    AccountId, CalendarDay, EnvironmentName, Length, Money, RequestId, Scope, Timestamp, Zone,
};

use super::books::{Books, Entry, EntryKind};
use super::marks::Marks;
use super::order::{Beyond, Labels, Payer};
use super::teller::Task;
use super::{Ledger, bank};
use crate::StoreError;
use crate::database::{Dialect, Transaction};
use crate::row::Row;
use crate::statement::statement;

const BY_REFERENCE: &str =
    "SELECT amount, environment, call_id FROM ledger_entries WHERE reference = $1";
const CHARGE: &str = "SELECT * FROM ledger_entries WHERE id = $1 AND kind = 'charge'";
const NET_OF_CALL: &str = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) AS net FROM ledger_entries \
     WHERE id = $1 OR call_id = $1";
const ACCOUNT: &str = "SELECT credited, spent, held FROM ledger_accounts WHERE id = $1";
const CAPS: &str = "SELECT environment, length, cap, at_us FROM ledger_caps";
const SET_CAP: &str = "INSERT INTO ledger_caps (environment, length, cap, at_us) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (environment, length) \
     DO UPDATE SET cap = excluded.cap, at_us = excluded.at_us";
const REMOVE_CAP: &str = "DELETE FROM ledger_caps WHERE environment = $1 AND length = $2";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    // One a line: a test reads them.
    BY_REFERENCE,
    CHARGE,
    NET_OF_CALL,
    ACCOUNT,
    CAPS,
    SET_CAP,
    REMOVE_CAP,
];

/// Money that was paid in.
#[derive(Debug, Clone)]
pub struct TopUp {
    /// How much; above zero.
    pub amount: Money,
    /// What makes it once-only.
    pub reference: String,
    /// What people should know of it.
    pub note: Option<String>,
}

/// What came of a top-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopUpOutcome {
    /// It is in the balance now.
    Done,
    /// It was there already.
    AlreadyThere,
}

/// A correction by hand.
#[derive(Debug, Clone)]
pub struct Adjustment {
    /// Above zero: more was spent than the ledger says. Below: less.
    pub amount: Money,
    /// What it concerns.
    pub concerns: Concerns,
    /// Why.
    pub reason: String,
    /// What makes it once-only.
    pub reference: String,
}

/// What a correction concerns.
#[derive(Debug, Clone)]
pub enum Concerns {
    /// A call that was charged. What is given back of it is a refund, never more than it cost.
    Call(RequestId),
    /// An environment, on a day.
    Environment(EnvironmentName, CalendarDay),
}

/// A cap that an operator set in place of the configuration's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetCap {
    /// Of this environment.
    pub environment: EnvironmentName,
    /// By day or by month.
    pub length: Length,
    /// How much.
    pub cap: Money,
    /// Since when.
    pub at: Timestamp,
}

/// An account's sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Paid in: the balance's top-ups.
    pub credited: Money,
    /// Charged.
    pub spent: Money,
    /// Set aside for running calls.
    pub held: Money,
}

/// Why an operator's wish was not done.
#[derive(Debug, thiserror::Error)]
pub enum HandError {
    /// Another amount stands under the same reference.
    #[error("'{reference}' is there already with the amount {amount}; use another reference")]
    OtherAmount {
        /// The reference.
        reference: String,
        /// What stands there.
        amount: Money,
    },
    /// The same reference stands for something else.
    #[error(
        "'{reference}' is there already for another call or environment; use another reference"
    )]
    OtherConcern {
        /// The reference.
        reference: String,
    },
    /// No charge of that call.
    #[error("the ledger has no charge of call {0}")]
    UnknownCall(RequestId),
    /// More would be given back than was charged.
    #[error("the call cost {cost}; no more than that can be given back")]
    TooMuchBack {
        /// What is left of the charge.
        cost: Money,
    },
    /// More would be given back than the environment spent: its cap would grow by it.
    #[error(
        "{environment} spent {spent} {when}; no more than that can be given back. What a call of \
         another day cost is given back with its id (call); what was paid in is a top-up"
    )]
    MoreThanSpent {
        /// Where.
        environment: EnvironmentName,
        /// On which day, or in which month.
        when: String,
        /// What it spent.
        spent: Money,
    },
    /// A sum would pass what can be counted.
    #[error(
        "with this amount a sum would pass {}, the most that can be counted; give a smaller amount",
        Money::from_nanos(i64::MAX)
    )]
    Beyond,
    /// The amount is nothing, or below it where that makes no sense.
    #[error("the amount must not be zero, and a top-up's must be above it")]
    Amount,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Beyond> for HandError {
    fn from(_: Beyond) -> HandError {
        HandError::Beyond
    }
}

impl Account {
    /// What is left under this cap; nothing where it is passed.
    pub fn free(&self, cap: Money) -> Money {
        let left = cap.checked_sub(self.spent).and_then(|left| left.checked_sub(self.held));
        left.unwrap_or_default().max(Money::ZERO)
    }
}

impl Ledger {
    /// Pays into the balance, once for each reference.
    ///
    /// # Errors
    /// When the reference stands for another amount, the amount is not above zero or too large to
    /// be counted with the others, or the database cannot be written.
    pub async fn top_up(&self, top_up: TopUp) -> Result<TopUpOutcome, HandError> {
        let ledger = self.clone();
        self.to_the_end(async move { ledger.pay_in(top_up).await }).await
    }

    async fn pay_in(&self, top_up: TopUp) -> Result<TopUpOutcome, HandError> {
        if top_up.amount <= Money::ZERO {
            return Err(HandError::Amount);
        }
        let reference = format!("top-up/{}", top_up.reference);
        let bank = &self.inner.bank;
        let mut books = Books::default();
        books.stand_on_balance();
        // The balance's lock comes first: of two with one reference the second sees the first.
        let mut transaction = bank.read(&mut books).await?;
        if is_there(&mut transaction, &reference, (top_up.amount, None, None)).await? {
            drop(transaction);
            // The first time may have ended before that was looked at.
            self.changed().await?;
            return Ok(TopUpOutcome::AlreadyThere);
        }
        let labels = Labels { reason: top_up.note, ..Labels::default() };
        let entry = self.by_hand(EntryKind::TopUp, (top_up.amount, reference), labels);
        books.top_up(Entry { on_balance: true, ..entry })?;
        self.doubted(bank.write(transaction, books).await)?;
        self.changed().await?;
        Ok(TopUpOutcome::Done)
    }

    /// Puts a sum right, with a reason, once for each reference.
    ///
    /// # Errors
    /// When the reference stands for another amount, the call is unknown, more would be given back
    /// than it cost, or than the environment spent on the day and in the month, a sum would pass what
    /// can be counted, or the database cannot be written.
    pub async fn adjust(&self, adjustment: Adjustment) -> Result<TopUpOutcome, HandError> {
        let ledger = self.clone();
        self.to_the_end(async move { ledger.put_right(adjustment).await }).await
    }

    async fn put_right(&self, adjustment: Adjustment) -> Result<TopUpOutcome, HandError> {
        let Adjustment { amount, concerns, reason, reference } = adjustment;
        if amount == Money::ZERO {
            return Err(HandError::Amount);
        }
        let reference = format!("adjustment/{reference}");
        let bank = &self.inner.bank;
        let (payer, call, on_balance, labels) = match concerns {
            Concerns::Call(call) => {
                let row = bank.db().row(statement(CHARGE).bind(call.as_str())).await?;
                let row = row.ok_or(HandError::UnknownCall(call))?;
                let on_balance = row.number("on_balance")? != 0;
                // What it was spent on is what it is given back of.
                (bank::rows::payer(&row)?, Some(call), on_balance, bank::rows::labels(&row)?)
            }
            Concerns::Environment(environment, day) => {
                let payer = Payer { environment, key_id: None, surface: None, day };
                (payer, None, self.inner.limited.has_balance(), Labels::default())
            }
        };
        let refund = call.is_some() && amount < Money::ZERO;
        let kind = if refund { EntryKind::Refund } else { EntryKind::Adjustment };
        let labels = Labels { reason: Some(reason), stated_nanos: None, ..labels };
        let entry = self.by_hand(kind, (amount, reference.clone()), labels);
        let mut books = Books::default();
        let places = books.stand(&payer);
        let mut transaction = bank.read(&mut books).await?;
        if is_there(&mut transaction, &reference, (amount, Some(&payer.environment), call)).await? {
            drop(transaction);
            // The first time may have ended before that was looked at.
            self.changed().await?;
            return Ok(TopUpOutcome::AlreadyThere);
        }
        match call {
            Some(call) => bears(&mut transaction, call, amount).await?,
            None => spent_as_much(&books, &payer, amount)?,
        }
        let day = payer.day;
        books.adjust(Entry { payer: Some(payer), day, call, on_balance, ..entry }, &places)?;
        bank.write(transaction, books).await?;
        self.changed().await?;
        Ok(TopUpOutcome::Done)
    }

    /// Sets an environment's cap in place of the configuration's, from the next call on.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn set_cap(
        &self,
        environment: &EnvironmentName,
        length: Length,
        cap: Money,
    ) -> Result<(), StoreError> {
        let set = statement(SET_CAP)
            .bind(environment.as_str().to_owned())
            .bind(length.as_str())
            .bind(cap.nanos())
            .bind(self.inner.clock.now().micros());
        let ledger = self.clone();
        let act = async move {
            ledger.doubted(ledger.inner.bank.db().run(set).await)?;
            ledger.changed().await
        };
        self.to_the_end(act).await
    }

    /// Goes back to the configuration's cap. Returns whether another one was set.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn remove_cap(
        &self,
        environment: &EnvironmentName,
        length: Length,
    ) -> Result<bool, StoreError> {
        let environment = environment.as_str().to_owned();
        let remove = statement(REMOVE_CAP).bind(environment).bind(length.as_str());
        let ledger = self.clone();
        let act = async move {
            let removed = ledger.inner.bank.db().run(remove).await?;
            ledger.changed().await?;
            Ok(removed > 0)
        };
        self.to_the_end(act).await
    }

    /// In a task of its own: what is dropped between the database's commit and the look at what
    /// limits calls would leave a cap that is shown and not kept.
    async fn to_the_end<T, E>(
        &self,
        act: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.inner.tasks.spawn(act).await.unwrap_or_else(|_| Err(StoreError::CutOff.into()))
    }

    /// The caps that operators set.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn set_caps(&self) -> Result<Vec<SetCap>, StoreError> {
        let rows = self.inner.bank.db().rows(statement(CAPS)).await?;
        let odd = || StoreError::corrupt("a cap in the ledger");
        let read = |row: &Row| {
            let environment = EnvironmentName::parse(row.text("environment")?);
            Ok(SetCap {
                environment: environment.map_err(|_| odd())?,
                length: Length::parse(row.text("length")?).ok_or_else(odd)?,
                cap: Money::from_nanos(row.number("cap")?),
                at: Timestamp::from_micros(row.number("at_us")?),
            })
        };
        rows.iter().map(read).collect()
    }

    /// An account's sums; nothing where nothing was ever counted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn account(&self, id: &AccountId) -> Result<Account, StoreError> {
        let row = self.inner.bank.db().row(statement(ACCOUNT).bind(id.to_string())).await?;
        let Some(row) = row else { return Ok(Account::default()) };
        Ok(Account {
            credited: Money::from_nanos(row.number("credited")?),
            spent: Money::from_nanos(row.number("spent")?),
            held: Money::from_nanos(row.number("held")?),
        })
    }

    fn by_hand(
        &self,
        kind: EntryKind,
        (amount, reference): (Money, String),
        labels: Labels,
    ) -> Entry {
        let at = self.inner.bank.now();
        Entry {
            id: None,
            kind,
            at,
            amount: amount.nanos(),
            on_balance: false,
            marks: Marks::NONE,
            payer: None,
            day: Zone::UTC.day_of(at),
            input_tokens: 0,
            output_tokens: 0,
            labels,
            call: None,
            reference: Some(reference),
        }
    }

    /// What has failed may have been written all the same.
    fn doubted<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        outcome.inspect_err(|_| self.inner.limited.doubt())
    }

    /// Limits may be others now: who waits is asked again, every other process is told, and this
    /// ends when all of them know whether there is any limit.
    async fn changed(&self) -> Result<(), StoreError> {
        self.doubted(self.look_again().await)?;
        drop(self.inner.desk.asked.try_send(Task::LookAgain));
        let bank = &self.inner.bank;
        if bank.db().dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let mut telling = bank.db().begin().await?;
        let changed_us = telling.now_us(&*self.inner.clock).await?;
        telling.announce().await?;
        telling.commit().await?;
        bank.nodes().all_looked_since(changed_us).await
    }
}

/// Is an entry of this amount there under this reference, about the same?
async fn is_there(
    transaction: &mut Transaction,
    reference: &str,
    (amount, environment, call): (Money, Option<&EnvironmentName>, Option<RequestId>),
) -> Result<bool, HandError> {
    let row = transaction.row(statement(BY_REFERENCE).bind(reference)).await?;
    let Some(row) = row else { return Ok(false) };
    let own = || reference.split_once('/').map_or(reference, |(_, own)| own).to_owned();
    let there = Money::from_nanos(row.number("amount")?);
    if there != amount {
        return Err(HandError::OtherAmount { reference: own(), amount: there });
    }
    let about = (row.maybe_text("environment")?, row.maybe_text("call_id")?);
    if about != (environment.map(EnvironmentName::as_str), call.as_ref().map(RequestId::as_str)) {
        return Err(HandError::OtherConcern { reference: own() });
    }
    Ok(true)
}

/// Has the environment spent as much as is given back, on the day and in the month? Below zero its
/// caps would let more pass than they say.
fn spent_as_much(books: &Books, payer: &Payer, amount: Money) -> Result<(), HandError> {
    let environment = &payer.environment;
    for length in Length::BOTH {
        let account = AccountId::over(Scope::Environment(environment.clone()), length, payer.day);
        let text = account.to_string();
        let sums = books.sums().find(|(id, _)| *id == text).map(|(_, sums)| sums);
        let spent = Money::from_nanos(sums.unwrap_or_default().spent);
        if amount < Money::ZERO && spent.checked_add(amount).is_none_or(|left| left < Money::ZERO) {
            let when = match length {
                Length::Day => format!("on {}", payer.day),
                Length::Month => format!("in {}", payer.day.month()),
            };
            let environment = environment.clone();
            return Err(HandError::MoreThanSpent { environment, when, spent });
        }
    }
    Ok(())
}

/// Is as much of the call's charge left as is given back?
async fn bears(
    transaction: &mut Transaction,
    call: RequestId,
    amount: Money,
) -> Result<(), HandError> {
    let net = transaction.row(statement(NET_OF_CALL).bind(call.as_str())).await?;
    let net = net.map(|row| row.number("net")).transpose()?.unwrap_or_default();
    let cost = Money::from_nanos(net);
    if cost.checked_add(amount).is_none_or(|left| left < Money::ZERO) {
        return Err(HandError::TooMuchBack { cost });
    }
    Ok(())
}
