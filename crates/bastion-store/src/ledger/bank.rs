//! Books on a database: what a batch needs is read, decided upon and written in one transaction.
//! On SQLite all of it happens on the database's own thread. On PostgreSQL a batch is one message as
//! long as it is decided on what the last one left; what others have changed in the meantime is
//! found where it is written, and then it goes step by step.
//!
//! It must never answer before the transaction is on the disk, and never write a part of it.

mod known;
mod message;
mod needs;
pub(super) mod rows;
mod sqlite;
mod texts;
mod write;

use std::sync::Arc;

use bastion_types::{Clock, RequestId, Timestamp};
use rusqlite::Connection;

use super::books::{Books, Changes, OpenHold};
use crate::StoreError;
use crate::database::{Database, Dialect, Transaction};
use crate::nodes::Nodes;
use crate::postgres::PostgresDatabase;
use crate::statement::statement;
use known::Known;
use message::Told;
pub(super) use needs::Needs;
use texts::Texts;

/// The ledger's database, as the process that has this lease writes it.
#[derive(Clone)]
pub(super) struct Bank {
    db: Database,
    clock: Arc<dyn Clock>,
    nodes: Nodes,
    known: Arc<Known>,
}

impl Bank {
    pub(super) fn new(db: Database, clock: Arc<dyn Clock>, nodes: Nodes) -> Bank {
        Bank { db, clock, nodes, known: Arc::default() }
    }

    /// Reads what `books` and `needs` name, decides, writes, and returns once it is durable.
    /// `decide` is asked again where what it was given first is no longer so.
    ///
    /// # Errors
    /// When the database cannot be read or written: then nothing is decided, though it may be
    /// unknown whether it was written.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        books: Books,
        needs: Needs,
        mut decide: impl FnMut(&mut Books) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let db = match &self.db {
            Database::Postgres(db) => db,
            Database::Sqlite(db) => {
                let bank = self.clone();
                return db.write(move |on| bank.at_once(on, (books, needs), decide)).await;
            }
        };
        if let Some(mut books) = self.supposed(&books, &needs) {
            let told = decide(&mut books);
            if !books.is_in_doubt() && self.send(db, books).await? {
                return Ok(told);
            }
        }
        self.step_by_step(books, needs, decide).await
    }

    /// Reads, decides and writes in a transaction that has begun.
    fn at_once<T>(
        &self,
        connection: &Connection,
        (mut books, needs): (Books, Needs),
        mut decide: impl FnMut(&mut Books) -> T,
    ) -> Result<T, StoreError> {
        sqlite::read(connection, &mut books, needs)?;
        let told = decide(&mut books);
        let changes = books.into_changes();
        if !changes.is_empty() {
            sqlite::write(connection, &changes, self.lease(&changes)?.as_str())?;
        }
        Ok(told)
    }

    /// The books as the last batch left them; none where something must be looked up.
    fn supposed(&self, books: &Books, needs: &Needs) -> Option<Books> {
        if !needs.holds.is_empty() || !needs.charges.is_empty() {
            return None;
        }
        let mut books = books.clone();
        let known = self.known.fill(&mut books);
        needs.assumed.iter().for_each(|hold| books.read_hold(hold.clone()));
        known.then_some(books)
    }

    /// Writes what was decided, in one message; false where that cannot be.
    async fn send(&self, db: &PostgresDatabase, books: Books) -> Result<bool, StoreError> {
        let caps = books.set_caps().clone();
        let (moves, changes) = books.into_moves();
        let lease = self.lease(&changes)?;
        let lease = changes.holds_something().then_some(lease.as_str());
        let message = message::of(&moves, &changes, (&caps, lease))?;
        match db.call(message::FUNCTION, &message).await {
            Ok(told) => match message::read(&told)? {
                Told::Written(sums) => {
                    self.known.learn(sums);
                    Ok(true)
                }
                Told::Again => Ok(false),
                Told::LeaseEnded => Err(StoreError::LeaseEnded),
            },
            // What the function cannot count, or finds there already, is told apart step by step.
            Err(StoreError::Failed { what } | StoreError::RowRefused { what }) => {
                tracing::warn!(what, "a batch could not be written at once; it goes step by step");
                Ok(false)
            }
            Err(cause) => {
                self.known.lost();
                Err(cause)
            }
        }
    }

    /// Reads, decides and writes, under the accounts' locks.
    async fn step_by_step<T>(
        &self,
        books: Books,
        needs: Needs,
        mut decide: impl FnMut(&mut Books) -> T,
    ) -> Result<T, StoreError> {
        let texts = self.texts();
        let Needs { assumed, holds, charges } = needs;
        let (mut transaction, mut books, others) = self.read_all(books, assumed).await?;
        let calls: Vec<_> = holds.into_iter().chain(others).collect();
        if !calls.is_empty() {
            let found = transaction.rows(rows::holds(texts, &calls)?).await?;
            rows::take_holds(&mut books, &found)?;
        }
        let charges = books.ended(charges, calls);
        if !charges.is_empty() {
            let found = transaction.rows(rows::charges(texts, &charges)?).await?;
            rows::take_charges(&mut books, &found)?;
        }
        let told = decide(&mut books);
        let sums = books.sums().map(|(id, sums)| (id.to_owned(), sums)).collect();
        let caps = books.set_caps().clone();
        self.write(transaction, books).await?;
        self.known.learn_all(sums, caps);
        Ok(told)
    }

    /// Reads accounts and caps, and takes holds as their tickets say, if they are so; the calls whose
    /// holds must be read then.
    async fn read_all(
        &self,
        mut books: Books,
        assumed: Vec<OpenHold>,
    ) -> Result<(Transaction, Books, Vec<RequestId>), StoreError> {
        let mut transaction = self.read(&mut books).await?;
        rows::read_caps(&mut transaction, &mut books).await?;
        if rows::are_there(&mut transaction, &assumed).await? {
            for hold in assumed {
                books.read_hold(hold);
            }
            return Ok((transaction, books, Vec::new()));
        }
        Ok((transaction, books, assumed.iter().map(|hold| hold.call).collect()))
    }

    /// Writes what the books say, durably.
    pub(super) async fn write(
        &self,
        mut transaction: Transaction,
        books: Books,
    ) -> Result<(), StoreError> {
        let changes = books.into_changes();
        if changes.is_empty() {
            return transaction.commit().await;
        }
        let lease = self.lease(&changes)?;
        if let Transaction::Sqlite(transaction) = transaction {
            let write = move |on: &Connection| sqlite::write(on, &changes, lease.as_str());
            return transaction.finish(write).await;
        }
        if changes.holds_something() {
            // Whoever ends the lease waits until this is written, and then finds it.
            let holds = statement(texts::LEASE).bind(lease.as_str());
            transaction.row(holds).await?.ok_or(StoreError::LeaseEnded)?;
        }
        write::write(&mut transaction, (changes, lease.as_str())).await?;
        transaction.commit().await
    }

    /// The lease under which it is written. Nothing is begun under one that others may have ended.
    fn lease(&self, changes: &Changes) -> Result<crate::nodes::LeaseId, StoreError> {
        if changes.holds_something() {
            return self.nodes.lease().ok_or(StoreError::LeaseEnded);
        }
        Ok(self.nodes.current())
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
        rows::open_accounts(&mut opening, books).await?;
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

    pub(super) fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

#[cfg(test)]
mod tests;
