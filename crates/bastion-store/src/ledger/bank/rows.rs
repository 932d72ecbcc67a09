//! The ledger's rows.
//!
//! It must never add up: sums are what the books say.

use bastion_types::{CalendarDay, EnvironmentName, KeyId, Length, RequestId, SurfaceName};
use serde::Serialize;

use super::super::books::{Books, Changes, Earlier, Entry, OpenHold, Sums};
use super::super::marks::Marks;
use super::super::order::{Labels, Payer};
use super::texts::Texts;
use crate::StoreError;
use crate::database::{Database, Transaction};
use crate::statement::{Row, statement};

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
    texts: &Texts,
    books: &Books,
) -> Result<(), StoreError> {
    let ids: Vec<[&str; 1]> = books.accounts().map(|id| [id]).collect();
    transaction.run(statement(texts.open_accounts).bind(text(&ids)?)).await?;
    Ok(())
}

pub(super) async fn read_caps(
    transaction: &mut Transaction,
    books: &mut Books,
) -> Result<(), StoreError> {
    for row in transaction.rows(statement(CAPS)).await? {
        let environment = EnvironmentName::parse(row.text("environment")?);
        let environment = environment.map_err(|_| odd("an environment"))?;
        let length = Length::parse(row.text("length")?).ok_or_else(|| odd("a cap's length"))?;
        books.read_set_cap(environment, length, row.number("cap")?);
    }
    Ok(())
}

pub(super) async fn read_holds(
    transaction: &mut Transaction,
    texts: &Texts,
    (books, calls): (&mut Books, &[RequestId]),
) -> Result<(), StoreError> {
    if calls.is_empty() {
        return Ok(());
    }
    let rows = transaction.rows(statement(texts.holds).bind(text(calls)?)).await?;
    rows.iter().try_for_each(|row| {
        books.read_hold(hold(row)?);
        Ok(())
    })
}

pub(super) async fn read_charges(
    transaction: &mut Transaction,
    texts: &Texts,
    (books, calls): (&mut Books, &[RequestId]),
) -> Result<(), StoreError> {
    if calls.is_empty() {
        return Ok(());
    }
    for row in transaction.rows(statement(texts.charges).bind(text(calls)?)).await? {
        let earlier = Earlier {
            amount: row.number("amount")?,
            marks: Marks::from_bits(row.number("marks")?),
            corrected: row.number("corrected")? != 0,
        };
        books.read_charge(call(&row, "id")?, earlier);
    }
    Ok(())
}

/// Holds of leases that have ended, some of them.
pub(super) async fn ended_holds(db: &Database, at_most: u32) -> Result<Vec<OpenHold>, StoreError> {
    let ended = statement(ENDED_HOLDS).bind(i64::from(at_most));
    db.rows(ended).await?.iter().map(hold).collect()
}

/// Writes all of it; the caller commits.
pub(super) async fn write(
    transaction: &mut Transaction,
    texts: &Texts,
    (changes, lease): (Changes, &str),
) -> Result<(), StoreError> {
    let Changes { accounts, put_holds, ended_holds, entries } = changes;
    if !accounts.is_empty() {
        let rows = |(id, s): &(String, Sums)| (id.clone(), s.credited, s.spent, s.held);
        let rows: Vec<_> = accounts.iter().map(rows).collect();
        transaction.run(statement(texts.put_accounts).bind(text(&rows)?)).await?;
    }
    if !put_holds.is_empty() {
        let rows: Vec<_> = put_holds.iter().map(hold_row).collect::<Result<_, _>>()?;
        transaction.run(statement(texts.put_holds).bind(text(&rows)?).bind(lease)).await?;
    }
    if !ended_holds.is_empty() {
        transaction.run(statement(texts.end_holds).bind(text(&ended_holds)?)).await?;
    }
    if !entries.is_empty() {
        let rows: Vec<_> = entries.iter().map(entry_row).collect::<Result<_, _>>()?;
        transaction.run(statement(texts.add_entries).bind(text(&rows)?)).await?;
    }
    Ok(())
}

fn hold_row(hold: &OpenHold) -> Result<impl Serialize, StoreError> {
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

fn entry_row(entry: &Entry) -> Result<impl Serialize, StoreError> {
    let made = || RequestId::generate(entry.at);
    let id = entry.id.map_or_else(made, Ok).map_err(|_| odd("the system's randomness"))?;
    let payer = entry.payer.as_ref();
    Ok((
        id,
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

fn hold(row: &Row) -> Result<OpenHold, StoreError> {
    let labels: Labels =
        serde_json::from_str(row.text("labels")?).map_err(|_| odd("a hold's labels"))?;
    Ok(OpenHold {
        call: call(row, "call")?,
        amount: row.number("amount")?,
        on_balance: row.number("on_balance")? != 0,
        payer: payer(row)?,
        labels,
    })
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
fn odd(what: &str) -> StoreError {
    StoreError::corrupt(&format!("{what} in the ledger"))
}

fn text<T: Serialize + ?Sized>(list: &T) -> Result<String, StoreError> {
    serde_json::to_string(list)
        .map_err(|cause| StoreError::Failed { what: format!("a list cannot be written: {cause}") })
}
