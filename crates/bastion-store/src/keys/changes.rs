//! The numbers of changes: one for each, over all processes, in the order of their commits.
//!
//! It must never number a change outside the lock of keys: a later number could be seen first.

use bastion_types::KeyId;

use crate::StoreError;
use crate::database::{Database, Transaction};
use crate::statement::statement;

const LATEST: &str = "SELECT number FROM changes WHERE topic = 'keys'";
const NEXT: &str = "UPDATE changes SET number = number + 1 WHERE topic = 'keys' RETURNING number";
const MARK: &str = "UPDATE keys SET change_number = $2 WHERE id = $1";

/// What both databases are asked to prepare.
#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[LATEST, NEXT, MARK];

/// The number of the last change.
pub(super) async fn latest(db: &Database) -> Result<i64, StoreError> {
    db.row(statement(LATEST)).await?.ok_or_else(absent)?.number("number")
}

/// Gives the key's change the next number.
pub(super) async fn next(transaction: &mut Transaction, id: KeyId) -> Result<i64, StoreError> {
    let row = transaction.row(statement(NEXT)).await?.ok_or_else(absent)?;
    let number = row.number("number")?;
    transaction.run(statement(MARK).bind(id.as_str()).bind(number)).await?;
    Ok(number)
}

fn absent() -> StoreError {
    StoreError::corrupt("the numbers of changes")
}
