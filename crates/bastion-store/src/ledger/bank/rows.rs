//! The ledger's rows.
//!
//! It must never add up: sums are what the books say.

use bastion_types::{CalendarDay, EnvironmentName, KeyId, Length, RequestId, SurfaceName};
use serde::Serialize;

use super::super::books::{Books, Earlier, Entry, OpenHold, Sums};
use super::super::marks::Marks;
use super::super::order::{Labels, Payer};
use super::texts::{HELD, OPEN_ACCOUNTS, Texts};
use crate::StoreError;
use crate::database::{Database, Transaction};
use crate::row::Row;
use crate::statement::{Statement, statement};

const CAPS: &str = "SELECT environment, length, cap FROM ledger_caps";
const ENDED_HOLDS: &str = "SELECT * FROM ledger_holds \
     WHERE lease NOT IN (SELECT lease FROM nodes WHERE ended_at_us IS NULL) LIMIT $1";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[CAPS, ENDED_HOLDS];

/// Are they all there? Those that are not count as nothing.
pub(super) async fn read_accounts(
    transaction: &mut Transaction,
    texts: &Texts,
    books: &mut Books,
) -> Result<bool, StoreError> {
    let ids: Vec<&str> = books.accounts().collect();
    if ids.is_empty() {
        return Ok(true);
    }
    let asked = ids.len();
    let rows = transaction.rows(statement(texts.accounts).bind(text(&ids)?)).await?;
    let all = rows.len() == asked;
    for row in rows {
        let sums = Sums {
            credited: row.number("credited")?,
            spent: row.number("spent")?,
            held: row.number("held")?,
        };
        books.read_account(row.text("id")?, sums);
    }
    Ok(all)
}

/// Makes those that are not there.
pub(super) async fn open_accounts(
    transaction: &mut Transaction,
    books: &Books,
) -> Result<(), StoreError> {
    let ids: Vec<[&str; 1]> = books.accounts().map(|id| [id]).collect();
    transaction.run(statement(OPEN_ACCOUNTS).bind(text(&ids)?)).await?;
    Ok(())
}

pub(super) async fn read_caps(
    transaction: &mut Transaction,
    books: &mut Books,
) -> Result<(), StoreError> {
    for row in transaction.rows(statement(CAPS)).await? {
        read_cap(books, (row.text("environment")?, row.text("length")?), row.number("cap")?)?;
    }
    Ok(())
}

/// One cap that an operator set.
pub(super) fn read_cap(
    books: &mut Books,
    (environment, length): (&str, &str),
    cap: i64,
) -> Result<(), StoreError> {
    let environment = EnvironmentName::parse(environment).map_err(|_| odd("an environment"))?;
    let length = Length::parse(length).ok_or_else(|| odd("a cap's length"))?;
    books.read_set_cap(environment, length, cap);
    Ok(())
}

/// Asks for these calls' holds.
pub(super) fn holds<'q>(texts: &Texts, calls: &[RequestId]) -> Result<Statement<'q>, StoreError> {
    Ok(statement(texts.holds).bind(text(calls)?))
}

/// Those that are there.
pub(super) fn take_holds(books: &mut Books, rows: &[Row]) -> Result<(), StoreError> {
    rows.iter().try_for_each(|row| {
        books.read_hold(hold(row)?);
        Ok(())
    })
}

/// Are these holds there, and as they are said to be? Their accounts are locked: nobody else ends one
/// now.
pub(super) async fn are_there(
    transaction: &mut Transaction,
    holds: &[OpenHold],
) -> Result<bool, StoreError> {
    if holds.is_empty() {
        return Ok(true);
    }
    let calls: Vec<_> = holds.iter().map(|hold| hold.call).collect();
    let row = transaction.row(statement(HELD).bind(text(&calls)?)).await?;
    let row = row.ok_or_else(|| odd("the holds"))?;
    Ok(agree(holds, (row.number("holds")?, row.number("amount")?, row.number("on_balance")?)))
}

/// Do holds come to what was found: how many, how much, how many on the balance? Amounts only ever
/// grow, so their sum tells.
pub(super) fn agree(holds: &[OpenHold], found: (i64, i64, i64)) -> bool {
    let sum = |of: fn(&OpenHold) -> i64| holds.iter().map(of).try_fold(0_i64, i64::checked_add);
    let count = i64::try_from(holds.len()).ok();
    let (amount, balance) = (sum(|hold| hold.amount), sum(|hold| i64::from(hold.on_balance)));
    (count, amount, balance) == (Some(found.0), Some(found.1), Some(found.2))
}

/// Asks for these calls' charges.
pub(super) fn charges<'q>(texts: &Texts, calls: &[RequestId]) -> Result<Statement<'q>, StoreError> {
    Ok(statement(texts.charges).bind(text(calls)?))
}

/// Those that are there.
pub(super) fn take_charges(books: &mut Books, rows: &[Row]) -> Result<(), StoreError> {
    rows.iter().try_for_each(|row| {
        let earlier = Earlier {
            amount: row.number("amount")?,
            by_hand: row.number("by_hand")?,
            marks: Marks::from_bits(row.number("marks")?),
            corrected: row.number("corrected")? != 0,
            on_balance: row.number("on_balance")? != 0,
        };
        books.read_charge(call(row, "id")?, earlier);
        Ok(())
    })
}

/// Holds of leases that have ended, some of them.
pub(super) async fn ended_holds(db: &Database, at_most: u32) -> Result<Vec<OpenHold>, StoreError> {
    let ended = statement(ENDED_HOLDS).bind(i64::from(at_most));
    db.rows(ended).await?.iter().map(hold).collect()
}

/// A hold's columns, without its lease.
pub(super) fn hold_row(hold: &OpenHold) -> Result<impl Serialize, StoreError> {
    let payer = &hold.payer;
    Ok((
        hold.call,
        hold.amount,
        i64::from(hold.on_balance),
        payer.day.to_string(),
        &payer.environment,
        payer.key_id,
        &payer.surface,
        text(&hold.labels)?,
    ))
}

/// An entry's columns.
pub(super) fn entry_row(entry: &Entry) -> Result<impl Serialize, StoreError> {
    let payer = entry.payer.as_ref();
    Ok((
        id_of(entry)?,
        entry.kind.as_str(),
        entry.at.micros(),
        entry.amount,
        i64::from(entry.on_balance),
        entry.marks.bits(),
        entry.day.to_string(),
        payer.map(|payer| &payer.environment),
        payer.and_then(|payer| payer.key_id),
        payer.and_then(|payer| payer.surface.as_ref()),
        entry.input_tokens,
        entry.output_tokens,
        text(&entry.labels)?,
        entry.call,
        &entry.reference,
    ))
}

/// A charge has its call's id; what is by hand gets one now.
pub(super) fn id_of(entry: &Entry) -> Result<RequestId, StoreError> {
    let made = || RequestId::generate(entry.at);
    entry.id.map_or_else(made, Ok).map_err(|_| StoreError::NoRandomness)
}

fn hold(row: &Row) -> Result<OpenHold, StoreError> {
    let labels = labels(row)?;
    Ok(OpenHold {
        call: call(row, "call")?,
        amount: row.number("amount")?,
        on_balance: row.number("on_balance")? != 0,
        payer: payer(row)?,
        labels,
    })
}

/// What a hold or a charge is told apart by.
pub(in crate::ledger) fn labels(row: &Row) -> Result<Labels, StoreError> {
    serde_json::from_str(row.text("labels")?).map_err(|_| odd("the labels of an entry"))
}

/// Whose a hold or a charge is.
pub(in crate::ledger) fn payer(row: &Row) -> Result<Payer, StoreError> {
    let environment = EnvironmentName::parse(row.text("environment")?);
    let key_id = row.maybe_text("key_id")?;
    let surface = row.maybe_text("surface")?;
    let key = |id| KeyId::parse(id).ok_or_else(|| odd("a key's id"));
    Ok(Payer {
        environment: environment.map_err(|_| odd("an environment"))?,
        key_id: key_id.map(key).transpose()?,
        surface: surface.map(SurfaceName::parse).transpose().map_err(|_| odd("a surface"))?,
        day: CalendarDay::parse(row.text("day")?).map_err(|_| odd("a day"))?,
    })
}

fn call(row: &Row, column: &str) -> Result<RequestId, StoreError> {
    RequestId::parse(row.text(column)?).ok_or_else(|| odd("a call's id"))
}

/// What stands in the ledger and cannot be read as what it must be.
pub(super) fn odd(what: &str) -> StoreError {
    StoreError::corrupt(&format!("{what} in the ledger"))
}

/// A list as JSON.
pub(super) fn text<T: Serialize + ?Sized>(list: &T) -> Result<String, StoreError> {
    serde_json::to_string(list)
        .map_err(|cause| StoreError::Failed { what: format!("a list cannot be written: {cause}") })
}
