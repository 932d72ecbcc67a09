//! What a batch reads and writes on SQLite, which is in the process: row by row, each statement
//! prepared once, on the database's own thread.
//!
//! It must never commit: whoever began the transaction does.

use std::rc::Rc;

use bastion_types::{CalendarDay, KeyId, RequestId, SurfaceName};
use rusqlite::{Connection, OptionalExtension, params};

use super::super::books::{Books, Changes, Entry, OpenHold, Sums};
use super::super::order::Labels;
use super::needs::Needs;
use super::rows::{self, id_of, text};
use super::texts::Texts;
use crate::StoreError;
use crate::database::Dialect;
use crate::row::Row;
use crate::sqlite::{RowOf, in_rows, rows_on};
use crate::statement::{self, Statement};

const ACCOUNT: &str = "SELECT credited, spent, held FROM ledger_accounts WHERE id = ?1";
const CAPS: &str = "SELECT environment, length, cap FROM ledger_caps";
const HELD: &str = "SELECT amount, on_balance FROM ledger_holds WHERE call = ?1";

const PUT_ACCOUNT: &str = "INSERT INTO ledger_accounts (id, credited, spent, held) \
     VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id) DO UPDATE SET credited = excluded.credited, \
     spent = excluded.spent, held = excluded.held";
const PUT_HOLD: &str = "INSERT INTO ledger_holds (call, lease, amount, on_balance, day, \
     environment, key_id, surface, labels) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
     ON CONFLICT (call) DO UPDATE SET amount = excluded.amount";
const END_HOLD: &str = "DELETE FROM ledger_holds WHERE call = ?1";
/// `OR FAIL`: else SQLite keeps the pages that a statement of many rows has changed, to undo it alone.
/// Here an error undoes the transaction.
const ADD_ENTRIES: &str = "INSERT OR FAIL INTO ledger_entries (id, kind, at_us, amount, on_balance, \
     marks, day, environment, key_id, surface, input_tokens, output_tokens, labels, call_id, \
     reference) VALUES ";
const ENTRY_COLUMNS: usize = 15;

/// Reads accounts, caps, and the holds and charges that are needed.
pub(super) fn read(
    connection: &Connection,
    books: &mut Books,
    needs: Needs,
) -> Result<(), StoreError> {
    read_accounts(connection, books)?;
    read_caps(connection, books)?;
    let Needs { assumed, mut holds, charges } = needs;
    holds.extend(take_assumed(connection, books, assumed)?);
    let texts = Texts::of(Dialect::Sqlite);
    if !holds.is_empty() {
        let found = rows_of(connection, rows::holds(texts, &holds)?)?;
        rows::take_holds(books, &found)?;
    }
    let charges = books.ended(charges, holds);
    if !charges.is_empty() {
        let found = rows_of(connection, rows::charges(texts, &charges)?)?;
        rows::take_charges(books, &found)?;
    }
    Ok(())
}

fn rows_of(connection: &Connection, statement: Statement<'_>) -> Result<Vec<Row>, StoreError> {
    Ok(rows_on(connection, statement)?.into_iter().map(Row::Sqlite).collect())
}

fn read_caps(connection: &Connection, books: &mut Books) -> Result<(), StoreError> {
    let mut caps = connection.prepare_cached(CAPS)?;
    let mut rows = caps.query([])?;
    while let Some(row) = rows.next()? {
        let (environment, length): (String, String) = (row.get(0)?, row.get(1)?);
        rows::read_cap(books, (&environment, &length), row.get(2)?)?;
    }
    Ok(())
}

/// Takes holds as their tickets say; returns the calls whose holds are not there, or not so.
fn take_assumed(
    connection: &Connection,
    books: &mut Books,
    assumed: Vec<OpenHold>,
) -> Result<Vec<RequestId>, StoreError> {
    let mut held = connection.prepare_cached(HELD)?;
    let mut others = Vec::new();
    for hold in assumed {
        let pair = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let found: Option<(i64, i64)> = held.query_row([hold.call.as_str()], pair).optional()?;
        if found == Some((hold.amount, i64::from(hold.on_balance))) {
            books.read_hold(hold);
        } else {
            others.push(hold.call);
        }
    }
    Ok(others)
}

fn read_accounts(connection: &Connection, books: &mut Books) -> Result<(), StoreError> {
    let mut account = connection.prepare_cached(ACCOUNT)?;
    let ids: Vec<String> = books.accounts().map(str::to_owned).collect();
    for id in ids {
        let sums = |row: &rusqlite::Row<'_>| {
            Ok(Sums { credited: row.get(0)?, spent: row.get(1)?, held: row.get(2)? })
        };
        if let Some(sums) = account.query_row([&id], sums).optional()? {
            books.read_account(&id, sums);
        }
    }
    Ok(())
}

/// Writes all of it.
pub(super) fn write(
    connection: &Connection,
    changes: &Changes,
    lease: &str,
) -> Result<(), StoreError> {
    let mut words = Words::default();
    let mut account = connection.prepare_cached(PUT_ACCOUNT)?;
    for (id, Sums { credited, spent, held }) in &changes.accounts {
        account.execute(params![id, credited, spent, held])?;
    }
    let mut put = connection.prepare_cached(PUT_HOLD)?;
    for hold in &changes.put_holds {
        put_hold(&mut put, (hold, lease), &mut words)?;
    }
    let mut end = connection.prepare_cached(END_HOLD)?;
    for hold in &changes.ended_holds {
        end.execute([hold.call.as_str()])?;
    }
    in_rows(connection, entries_of, &changes.entries, |row, entry| {
        bind_entry(row, entry, &mut words)
    })
}

fn put_hold(
    put: &mut rusqlite::Statement<'_>,
    (hold, lease): (&OpenHold, &str),
    words: &mut Words,
) -> Result<(), StoreError> {
    let payer = &hold.payer;
    put.execute(params![
        hold.call.as_str(),
        lease,
        hold.amount,
        i64::from(hold.on_balance),
        words.day(payer.day),
        payer.environment.as_str(),
        payer.key_id.as_ref().map(KeyId::as_str),
        payer.surface.as_ref().map(SurfaceName::as_str),
        words.labels(&hold.labels)?,
    ])?;
    Ok(())
}

/// The text of so many entries' insert.
fn entries_of(rows: usize) -> String {
    statement::rows_of(ADD_ENTRIES, ENTRY_COLUMNS, rows)
}

fn bind_entry(row: &mut RowOf<'_, '_>, entry: &Entry, words: &mut Words) -> Result<(), StoreError> {
    let payer = entry.payer.as_ref();
    let surface = payer.and_then(|payer| payer.surface.as_ref());
    row.bind(params![
        id_of(entry)?.as_str(),
        entry.kind.as_str(),
        entry.at.micros(),
        entry.amount,
        i64::from(entry.on_balance),
        entry.marks.bits(),
        words.day(entry.day),
        payer.map(|payer| payer.environment.as_str()),
        payer.and_then(|payer| payer.key_id.as_ref()).map(KeyId::as_str),
        surface.map(SurfaceName::as_str),
        entry.input_tokens,
        entry.output_tokens,
        words.labels(&entry.labels)?,
        entry.call.as_ref().map(RequestId::as_str),
        entry.reference,
    ])
}

/// Texts that one row after the other has: made once.
#[derive(Default)]
struct Words {
    day: Option<(CalendarDay, Rc<str>)>,
    labels: Option<(Labels, Rc<str>)>,
}

impl Words {
    fn day(&mut self, day: CalendarDay) -> Rc<str> {
        match &self.day {
            Some((same, made)) if *same == day => Rc::clone(made),
            _ => {
                let made: Rc<str> = day.to_string().into();
                self.day = Some((day, Rc::clone(&made)));
                made
            }
        }
    }

    fn labels(&mut self, labels: &Labels) -> Result<Rc<str>, StoreError> {
        if let Some((same, made)) = &self.labels
            && same == labels
        {
            return Ok(Rc::clone(made));
        }
        let made: Rc<str> = text(labels)?.into();
        self.labels = Some((labels.clone(), Rc::clone(&made)));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;
    use crate::sqlite::SqliteDatabase;

    #[tokio::test]
    async fn every_statement_is_prepared() {
        let db = Database::Sqlite(SqliteDatabase::open_in_memory().await.unwrap());
        crate::migrate::migrate(&db).await.unwrap();
        let all = [ACCOUNT, CAPS, HELD, PUT_ACCOUNT, PUT_HOLD, END_HOLD];
        let all = all.map(str::to_owned).into_iter().chain([entries_of(1), entries_of(3)]);
        for (number, text) in all.enumerate() {
            let told = db.prepares(number, &text).await;
            assert!(told.is_ok(), "{text}: {told:?}");
        }
    }
}
