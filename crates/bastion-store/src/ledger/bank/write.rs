//! What a batch writes on PostgreSQL where it cannot be one message: statement by statement.
//!
//! It must never commit: whoever began the transaction does.

use super::super::books::{Changes, Sums};
use super::rows::{entry_row, hold_row, text};
use super::texts::{ADD_ENTRIES, END_HOLDS, PUT_ACCOUNTS, PUT_HOLDS};
use crate::StoreError;
use crate::database::Transaction;
use crate::statement::statement;

/// Writes all of it; the caller commits.
pub(super) async fn write(
    transaction: &mut Transaction,
    (changes, lease): (Changes, &str),
) -> Result<(), StoreError> {
    let Changes { accounts, put_holds, ended_holds, entries } = changes;
    if !accounts.is_empty() {
        let rows = |(id, s): &(String, Sums)| (id.clone(), s.credited, s.spent, s.held);
        let rows: Vec<_> = accounts.iter().map(rows).collect();
        transaction.run(statement(PUT_ACCOUNTS).bind(text(&rows)?)).await?;
    }
    if !put_holds.is_empty() {
        let rows: Vec<_> = put_holds.iter().map(hold_row).collect::<Result<_, _>>()?;
        transaction.run(statement(PUT_HOLDS).bind(text(&rows)?).bind(lease)).await?;
    }
    if !ended_holds.is_empty() {
        let calls: Vec<_> = ended_holds.iter().map(|hold| hold.call).collect();
        transaction.run(statement(END_HOLDS).bind(text(&calls)?)).await?;
    }
    if !entries.is_empty() {
        let rows: Vec<_> = entries.iter().map(entry_row).collect::<Result<_, _>>()?;
        transaction.run(statement(ADD_ENTRIES).bind(text(&rows)?)).await?;
    }
    Ok(())
}
