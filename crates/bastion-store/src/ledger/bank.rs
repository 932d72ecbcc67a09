//! Books on a database: what a batch needs is read, decided upon and written in one transaction.
//!
//! It must never answer before the transaction is on the disk, and never write a part of it.

pub(super) mod rows;
mod texts;

use std::sync::Arc;

use bastion_types::{Clock, RequestId, Timestamp};

use super::books::{Books, OpenHold};
use crate::StoreError;
use crate::database::{Database, Dialect, Transaction};
use crate::nodes::Nodes;
use texts::Texts;

/// The ledger's database, as the process that has this lease writes it.
#[derive(Clone)]
pub(super) struct Bank {
    db: Database,
    clock: Arc<dyn Clock>,
    nodes: Nodes,
}

/// What is looked up beside the accounts.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Calls whose holds are needed; where one is not there, its charge is.
    pub(super) holds: Vec<RequestId>,
    /// Calls that may have a charge already.
    pub(super) charges: Vec<RequestId>,
}

impl Bank {
    pub(super) fn new(db: Database, clock: Arc<dyn Clock>, nodes: Nodes) -> Bank {
        Bank { db, clock, nodes }
    }

    /// Reads what `books` and `needs` name, decides, writes, and returns once it is durable.
    ///
    /// # Errors
    /// When the database cannot be read or written: then nothing is decided, though it may be
    /// unknown whether it was written.
    pub(super) async fn run<T>(
        &self,
        mut books: Books,
        needs: Needs,
        decide: impl FnOnce(&mut Books) -> T,
    ) -> Result<T, StoreError> {
        let texts = self.texts();
        let mut transaction = self.read(&mut books).await?;
        rows::read_caps(&mut transaction, &mut books).await?;
        rows::read_holds(&mut transaction, texts, (&mut books, &needs.holds)).await?;
        let ended = needs.holds.into_iter().filter(|call| !books.has_hold(*call));
        let charges: Vec<_> = needs.charges.into_iter().chain(ended).collect();
        rows::read_charges(&mut transaction, texts, (&mut books, &charges)).await?;
        let told = decide(&mut books);
        self.write(transaction, books).await?;
        Ok(told)
    }

    /// Writes what the books say, durably.
    pub(super) async fn write(
        &self,
        mut transaction: Transaction,
        books: Books,
    ) -> Result<(), StoreError> {
        let changes = books.into_changes();
        if !changes.is_empty() {
            // Nothing is begun under a lease that others may have ended.
            let lease = if changes.holds_something() {
                self.nodes.lease().ok_or(StoreError::LeaseEnded)?
            } else {
                self.nodes.current()
            };
            rows::write(&mut transaction, self.texts(), (changes, lease.as_str())).await?;
        }
        transaction.commit().await
    }

    /// A transaction in which the accounts are read and, where others write as well, locked.
    pub(super) async fn read(&self, books: &mut Books) -> Result<Transaction, StoreError> {
        let texts = self.texts();
        let mut transaction = self.db.begin().await?;
        let all = rows::read_accounts(&mut transaction, texts, books).await?;
        if all || self.db.dialect() == Dialect::Sqlite {
            return Ok(transaction);
        }
        // What is not there cannot be locked. It is made on its own, before anything is locked:
        // two that make and lock in turn would wait for each other.
        drop(transaction);
        let mut opening = self.db.begin().await?;
        rows::open_accounts(&mut opening, texts, books).await?;
        opening.commit().await?;
        let mut transaction = self.db.begin().await?;
        rows::read_accounts(&mut transaction, texts, books).await?;
        Ok(transaction)
    }

    fn texts(&self) -> &'static Texts {
        Texts::of(self.db.dialect())
    }

    /// Holds of leases that have ended, some of them.
    pub(super) async fn ended_holds(&self, at_most: u32) -> Result<Vec<OpenHold>, StoreError> {
        rows::ended_holds(&self.db, at_most).await
    }

    pub(super) fn db(&self) -> &Database {
        &self.db
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
