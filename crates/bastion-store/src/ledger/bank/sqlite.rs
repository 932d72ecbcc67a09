//! What is read and written on SQLite, which is in the process: each statement is a way to its thread and
//! back, so there are few. Rows are handed over value by value; opening one JSON text took four times
//! as long, because SQLite reads a row's text anew for each of its columns.
//!
//! It must never make a statement of any other length than those named here: each stays prepared.

use std::sync::{Arc, LazyLock};

use bastion_types::{CalendarDay, KeyId, RequestId, SurfaceName};

use super::super::books::{Books, Entry, OpenHold, Sums};
use super::super::order::Labels;
use super::rows::{agree, id_of, odd, read_cap, text};
use crate::StoreError;
use crate::database::Transaction;
use crate::statement::{Statement, Value, statement};

/// Rows of one statement, the largest first. Each statement is a way to SQLite's thread and back, so
/// small batches have one of their own length; each stays prepared.
const LENGTHS: [usize; 20] =
    [256, 128, 64, 32, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1];

/// Everything that a batch of calls needs, in one form: accounts by their texts, caps behind 'cap ',
/// what the named holds come to as 'holds'. No account is called so.
const NEEDED: &str = "SELECT id, credited, spent, held FROM ledger_accounts \
     WHERE id IN (SELECT value FROM json_each($1)) \
     UNION ALL SELECT 'cap ' || environment || ' ' || length, cap, 0, 0 FROM ledger_caps \
     UNION ALL SELECT 'holds', COUNT(*), COALESCE(SUM(amount), 0), COALESCE(SUM(on_balance), 0) \
     FROM ledger_holds WHERE call IN (SELECT value FROM json_each($2))";

const HOLD: &str = "INSERT INTO ledger_holds (call, lease, amount, on_balance, day, environment, \
     key_id, surface, labels) VALUES ";
const HOLD_COLUMNS: usize = 9;
const HOLD_AGAIN: &str = " ON CONFLICT (call) DO UPDATE SET amount = excluded.amount";

const ENTRY: &str = "INSERT INTO ledger_entries (id, kind, at_us, amount, on_balance, marks, day, \
     environment, key_id, surface, input_tokens, output_tokens, labels, call_id, reference) VALUES ";
const ENTRY_COLUMNS: usize = 15;

static HOLDS: LazyLock<[String; LENGTHS.len()]> =
    LazyLock::new(|| LENGTHS.map(|rows| rows_of(HOLD, (HOLD_COLUMNS, rows), HOLD_AGAIN)));
static ENTRIES: LazyLock<[String; LENGTHS.len()]> =
    LazyLock::new(|| LENGTHS.map(|rows| rows_of(ENTRY, (ENTRY_COLUMNS, rows), "")));

/// A statement of so many rows. A mark without a name is only counted; a name is looked up in a list.
fn rows_of(begin: &str, (columns, rows): (usize, usize), end: &str) -> String {
    let row = format!("({})", vec!["?"; columns].join(", "));
    format!("{begin}{}{end}", vec![row; rows].join(", "))
}

/// Reads accounts and caps; are these holds there as they are said to be?
pub(super) async fn read(
    transaction: &mut Transaction,
    books: &mut Books,
    holds: &[OpenHold],
) -> Result<bool, StoreError> {
    let accounts = text(&books.accounts().collect::<Vec<_>>())?;
    let calls = text(&holds.iter().map(|hold| hold.call).collect::<Vec<_>>())?;
    let mut found = (0, 0, 0);
    for row in transaction.rows(statement(NEEDED).bind(accounts).bind(calls)).await? {
        let id = row.text("id")?;
        let (credited, spent) = (row.number("credited")?, row.number("spent")?);
        let held = row.number("held")?;
        if let Some(cap) = id.strip_prefix("cap ") {
            let (environment, length) = cap.split_once(' ').ok_or_else(|| odd("a cap"))?;
            read_cap(books, (environment, length), credited)?;
        } else if id == "holds" {
            found = (credited, spent, held);
        } else {
            books.read_account(id, Sums { credited, spent, held });
        }
    }
    Ok(agree(holds, found))
}

/// Writes holds down, or anew with another amount.
pub(super) async fn put_holds(
    transaction: &mut Transaction,
    mut holds: &[OpenHold],
    lease: &str,
) -> Result<(), StoreError> {
    let lease: Arc<str> = lease.into();
    let mut words = Words::default();
    for (length, made) in LENGTHS.iter().zip(&*HOLDS) {
        while let Some((rows, rest)) = holds.split_at_checked(*length) {
            let put = rows.iter().try_fold(statement(made), |put, hold| {
                bind_hold(put, (hold, &lease), &mut words)
            })?;
            transaction.run(put).await?;
            holds = rest;
        }
    }
    Ok(())
}

/// Adds entries.
pub(super) async fn add_entries(
    transaction: &mut Transaction,
    mut entries: &[Entry],
) -> Result<(), StoreError> {
    let mut words = Words::default();
    for (length, made) in LENGTHS.iter().zip(&*ENTRIES) {
        while let Some((rows, rest)) = entries.split_at_checked(*length) {
            let add = rows
                .iter()
                .try_fold(statement(made), |add, entry| bind_entry(add, entry, &mut words))?;
            transaction.run(add).await?;
            entries = rest;
        }
    }
    Ok(())
}

fn bind_hold<'q>(
    put: Statement<'q>,
    (hold, lease): (&'q OpenHold, &Arc<str>),
    words: &mut Words,
) -> Result<Statement<'q>, StoreError> {
    let payer = &hold.payer;
    Ok(put
        .bind(hold.call.as_str())
        .bind(Arc::clone(lease))
        .bind(hold.amount)
        .bind(i64::from(hold.on_balance))
        .bind(words.day(payer.day))
        .bind(payer.environment.shared())
        .bind(payer.key_id.as_ref().map(KeyId::as_str))
        .bind(Value::Shared(payer.surface.as_ref().map(SurfaceName::shared)))
        .bind(words.labels(&hold.labels)?))
}

fn bind_entry<'q>(
    add: Statement<'q>,
    entry: &'q Entry,
    words: &mut Words,
) -> Result<Statement<'q>, StoreError> {
    let payer = entry.payer.as_ref();
    let surface = payer.and_then(|payer| payer.surface.as_ref());
    Ok(add
        .bind(id_of(entry)?.as_str().to_owned())
        .bind(entry.kind.as_str())
        .bind(entry.at.micros())
        .bind(entry.amount)
        .bind(i64::from(entry.on_balance))
        .bind(entry.marks.bits())
        .bind(words.day(entry.day))
        .bind(Value::Shared(payer.map(|payer| payer.environment.shared())))
        .bind(payer.and_then(|payer| payer.key_id.as_ref()).map(KeyId::as_str))
        .bind(Value::Shared(surface.map(SurfaceName::shared)))
        .bind(entry.input_tokens)
        .bind(entry.output_tokens)
        .bind(words.labels(&entry.labels)?)
        .bind(entry.call.as_ref().map(RequestId::as_str))
        .bind(entry.reference.as_deref()))
}

/// Texts that one row after the other has: made once.
#[derive(Default)]
struct Words {
    day: Option<(CalendarDay, Arc<str>)>,
    labels: Option<(Labels, Arc<str>)>,
}

impl Words {
    fn day(&mut self, day: CalendarDay) -> Arc<str> {
        match &self.day {
            Some((same, made)) if *same == day => Arc::clone(made),
            _ => {
                let made: Arc<str> = day.to_string().into();
                self.day = Some((day, Arc::clone(&made)));
                made
            }
        }
    }

    fn labels(&mut self, labels: &Labels) -> Result<Arc<str>, StoreError> {
        if let Some((same, made)) = &self.labels
            && same == labels
        {
            return Ok(Arc::clone(made));
        }
        let made: Arc<str> = text(labels)?.into();
        self.labels = Some((labels.clone(), Arc::clone(&made)));
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;
    use crate::sqlite::SqliteDatabase;
    use crate::statement::{Cached, made_statement};

    #[tokio::test]
    async fn every_statement_is_prepared() {
        let db = Database::Sqlite(SqliteDatabase::open_in_memory().await.unwrap());
        crate::migrate::migrate(&db).await.unwrap();
        let needed = NEEDED.to_owned();
        for text in HOLDS.iter().chain(&*ENTRIES).chain([&needed]) {
            let told = db.run(made_statement(format!("EXPLAIN {text}"), Cached::No)).await;
            assert!(told.is_ok(), "{text}: {told:?}");
        }
    }
}
