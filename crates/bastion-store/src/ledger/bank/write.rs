//! What a batch writes, statement by statement.
//!
//! It must never commit: whoever began the transaction does.

use super::super::books::{Changes, Entry, OpenHold, Sums};
use super::rows::{entry_row, hold_row, text};
use super::sqlite;
use super::texts::Texts;
use crate::StoreError;
use crate::database::Transaction;
use crate::statement::statement;

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
    put_holds_down(transaction, texts, (&put_holds, lease)).await?;
    if !ended_holds.is_empty() {
        let calls: Vec<_> = ended_holds.iter().map(|hold| hold.call).collect();
        transaction.run(statement(texts.end_holds).bind(text(&calls)?)).await?;
    }
    add(transaction, texts, &entries).await
}

/// SQLite is in the process: a value is handed over as it is. A server is handed a list.
async fn put_holds_down(
    transaction: &mut Transaction,
    texts: &Texts,
    (holds, lease): (&[OpenHold], &str),
) -> Result<(), StoreError> {
    if holds.is_empty() {
        return Ok(());
    }
    if let Transaction::Sqlite(_) = transaction {
        return sqlite::put_holds(transaction, holds, lease).await;
    }
    let rows: Vec<_> = holds.iter().map(hold_row).collect::<Result<_, _>>()?;
    transaction.run(statement(texts.put_holds).bind(text(&rows)?).bind(lease)).await?;
    Ok(())
}

async fn add(
    transaction: &mut Transaction,
    texts: &Texts,
    entries: &[Entry],
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    if let Transaction::Sqlite(_) = transaction {
        return sqlite::add_entries(transaction, entries).await;
    }
    let rows: Vec<_> = entries.iter().map(entry_row).collect::<Result<_, _>>()?;
    transaction.run(statement(texts.add_entries).bind(text(&rows)?)).await?;
    Ok(())
}
