//! One round of the teller: what gives room first, then the line, then who is new.
//!
//! It must never answer what the database has not confirmed.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::bank::Needs;
use super::super::books::{Asked, Books};
use super::super::marks::Marks;
use super::super::order::{Labels, NotHeld, Ticket};
use super::batch::{BATCH_TASKS, Batch, Told};
use super::doubts::Doubtful;
use super::line::refuse;
use super::task::{Ending, Settling, Task, Waiting};
use super::{HALVING_PAUSE, KEPT_FOR_GIVING_BACK, MAX_OWED, PAUSE, Teller};
use crate::StoreError;
use crate::database::Dialect;

/// What came of a batch.
enum Carried {
    /// It is written.
    Taken,
    /// There was nothing, or it is put off.
    Not,
    /// Its settlements are put off, for one of them was refused; these were not decided.
    Refused(Vec<Task>),
}

impl Teller {
    /// Decides and writes everything that is there, then answers.
    pub(super) async fn round(&mut self, fresh: &mut Vec<Task>) {
        let (mut books, mut needs) = (Books::default(), Needs::default());
        let alone = self.suspects(&mut books, &mut needs);
        if matches!(self.carry_out(alone, books, needs).await, Carried::Taken) {
            self.refused.were_taken();
        }
        let (mut books, mut needs) = (Books::default(), Needs::default());
        let round = self.sort(fresh, &mut books, &mut needs);
        if let Carried::Refused(mut others) = self.carry_out(round, books, needs).await {
            // Once more, without the settlements one of which it was.
            let (mut books, mut needs) = (Books::default(), Needs::default());
            let mut round = std::mem::take(&mut self.spare);
            self.sort_tasks(&mut others, &mut round, (&mut books, &mut needs));
            self.carry_out(round, books, needs).await;
        }
    }

    /// What is tried by itself, since the database may refuse it: of what is owed so many, or one that
    /// was refused before.
    fn suspects(&mut self, books: &mut Books, needs: &mut Needs) -> Batch {
        let mut batch = std::mem::take(&mut self.spare);
        if self.owed.is_empty() {
            self.refused.nobody();
        }
        let owed = self.refused.suspects().filter(|_| self.is_due()).unwrap_or(0);
        for one in self.owed.drain(..owed.min(self.owed.len())) {
            self.owed_back -= usize::from(one.is_given_back());
            batch.settle(one, books, needs);
        }
        if batch.is_empty()
            && self.is_due()
            && let Some(one) = self.refused.again(Instant::now())
        {
            batch.settle(one, books, needs);
        }
        batch
    }

    fn is_due(&self) -> bool {
        self.retry_at.is_none_or(|at| at <= Instant::now())
    }

    /// Decides and writes a batch, then answers.
    async fn carry_out(&mut self, round: Batch, books: Books, needs: Needs) -> Carried {
        if round.is_empty() {
            self.spare = round;
            return Carried::Not;
        }
        let round = Arc::new(round);
        let decided = Arc::clone(&round);
        let told = self.bank.run(books, needs, move |books| decided.decide(books)).await;
        // Whoever decided has given its share back: it is over when the bank answers.
        let Some(round) = Arc::into_inner(round) else {
            tracing::error!("a round is still being decided; what its calls hold is swept later");
            return Carried::Not;
        };
        match told {
            Ok(told) => {
                self.outage.over();
                self.answer(round, told);
                Carried::Taken
            }
            Err(cause @ StoreError::RowRefused { .. }) if !round.settling.is_empty() => {
                Carried::Refused(self.refuse(round, &cause))
            }
            Err(cause) => {
                tracing::error!(%cause, "the ledger cannot be written; no call is sent without a hold");
                self.outage.began();
                self.retry_at = Some(Instant::now() + PAUSE);
                self.put_off(round, &cause);
                Carried::Not
            }
        }
    }

    /// Who is asked in which order.
    fn sort(&mut self, fresh: &mut Vec<Task>, books: &mut Books, needs: &mut Needs) -> Batch {
        let mut round = std::mem::take(&mut self.spare);
        let due = self.is_due() && self.refused.suspects().is_none();
        // No batch grows with an outage: what a database did not take at once it would never take.
        let owed = if due { self.owed.len().min(BATCH_TASKS) } else { 0 };
        for one in self.owed.drain(..owed) {
            self.owed_back -= usize::from(one.is_given_back());
            round.settle(one, books, needs);
        }
        // What there would be no room to owe stays with the calls that bring it.
        let kept = self.owed.len() + round.settling.len() + KEPT_FOR_GIVING_BACK;
        let room = MAX_OWED.saturating_sub(kept).min(BATCH_TASKS);
        self.brought.take_settlements(room, |one| round.settle(one, books, needs));
        for doubtful in self.doubts.take(BATCH_TASKS, Instant::now()) {
            needs.holds.push(doubtful.ticket.call);
            let places = books.stand(&doubtful.ticket.payer);
            round.doubtful.push((doubtful, places));
        }
        for waiting in self.line.take() {
            round.wait(Box::new(waiting), books);
        }
        self.sort_tasks(fresh, &mut round, (books, needs));
        round
    }

    fn sort_tasks(
        &mut self,
        fresh: &mut Vec<Task>,
        round: &mut Batch,
        (books, needs): (&mut Books, &mut Needs),
    ) {
        for task in fresh.drain(..) {
            match task {
                Task::Hold(waiting) => round.wait(waiting, books),
                Task::Extend(extending) => {
                    needs.holds.push(extending.ticket.call);
                    let places = books.stand(&extending.ticket.payer);
                    round.extending.push((*extending, places));
                }
                Task::LookAgain => {}
                Task::Close => self.close(),
            }
        }
    }

    fn answer(&mut self, mut round: Batch, told: Told) {
        for ((settling, _), charged) in round.settling.drain(..).zip(told.settled) {
            if let Err(cause) = &charged {
                tracing::error!(request_id = %settling.ticket.call, %cause, "a call was not charged");
            }
            if let Some(answer) = settling.answer {
                // The call's task may be gone; its charge is there.
                drop(answer.send(charged));
            }
        }
        for ((doubtful, _), given_back) in round.doubtful.drain(..).zip(told.given_back) {
            if let Err(cause) = &given_back {
                tracing::error!(request_id = %doubtful.ticket.call, %cause, "a hold was not given back");
            }
        }
        for ((extending, _), asked) in round.extending.drain(..).zip(told.extended) {
            let told = match asked {
                Asked::Held(ticket) => Ok(ticket),
                Asked::Wait(shortage) => Err(NotHeld::Reserved(shortage)),
                Asked::Never(why) => Err(why),
            };
            drop(extending.answer.send(told));
        }
        for ((waiting, _), asked) in round.waiting.drain(..).zip(told.held) {
            match asked {
                Asked::Held(ticket) => self.hand_over(*waiting, ticket),
                Asked::Wait(shortage) => self.line.queue(waiting, shortage),
                Asked::Never(why) => refuse(*waiting, why),
            }
        }
        self.spare = round;
    }

    /// Gives the ticket to its call; if nobody waits for it any more, it is given back.
    fn hand_over(&mut self, waiting: Waiting, ticket: Ticket) {
        if let Err(Ok(ticket)) = waiting.answer.send(Ok(ticket)) {
            self.owe(self.give_back(ticket, waiting.order.labels));
        }
    }

    /// The database is there and refuses it, one for all. What is owed is tried in halves from now on,
    /// apart from the others; the one that is refused by itself is put aside. Returned are those that
    /// asked for something in the same batch: nothing of it was written.
    fn refuse(&mut self, mut round: Batch, cause: &StoreError) -> Vec<Task> {
        let now = Instant::now();
        if round.is_one_settlement()
            && let Some((one, _)) = round.settling.pop()
        {
            tracing::error!(
                request_id = %one.ticket.call, amount = %one.amount(), %cause,
                "the database refuses this charge; it is put aside, and tried again every minute"
            );
            let one = Settling { again: true, ..one };
            if let Some(one) = self.refused.put_aside(one, now) {
                self.retry_at = Some(now + PAUSE);
                self.owe(one);
            }
            self.spare = round;
            return Vec::new();
        }
        tracing::error!(%cause, "the database refuses a batch of the ledger; what is owed is halved");
        self.refused.suspect(round.settling.len());
        self.retry_at = Some(now + HALVING_PAUSE);
        for (settling, _) in round.settling.drain(..) {
            self.owe(Settling { again: true, ..settling });
        }
        let extending = round.extending.drain(..).map(|(one, _)| Task::Extend(Box::new(one)));
        let mut others: Vec<_> = extending.collect();
        others.extend(round.waiting.drain(..).map(|(one, _)| Task::Hold(one)));
        // They are looked for again in their own time.
        round.doubtful.clear();
        self.spare = round;
        others
    }

    /// The database did not take it: who asks is refused, what is owed stays owed.
    fn put_off(&mut self, round: Batch, cause: &StoreError) {
        // First what was used: what is given back may find no place behind it.
        for (settling, _) in round.settling {
            self.owe(Settling { again: true, ..settling });
        }
        for (extending, _) in round.extending {
            drop(extending.answer.send(Err(NotHeld::unavailable(cause))));
        }
        for (waiting, _) in round.waiting {
            // Whether it was written before the failure is not known.
            let ticket = Ticket::held(&waiting.order, false, Marks::NONE);
            let labels = waiting.order.labels.clone();
            if self.bank.db().dialect() == Dialect::Postgres {
                // Nor whether it will be: a message may arrive when nobody waits for it any more.
                let (ticket, labels) = (ticket.clone(), labels.clone());
                let doubtful = Doubtful { ticket, labels, at: self.bank.now() };
                self.doubts.note(doubtful, Instant::now());
            }
            self.owe_in_doubt(self.give_back(ticket, labels));
            refuse(*waiting, NotHeld::unavailable(cause));
        }
    }

    fn give_back(&self, ticket: Ticket, labels: Labels) -> Settling {
        let ending = Ending::GivenBack(labels);
        Settling { ticket, ending, at: self.bank.now(), again: true, answer: None }
    }

    /// What may be written takes none of the places of what was used, or surely is.
    fn owe_in_doubt(&mut self, given_back: Settling) {
        if self.owed_back < KEPT_FOR_GIVING_BACK {
            self.owe(given_back);
        } else {
            tracing::error!(
                request_id = %given_back.ticket.call,
                "too much is in doubt; should this hold be written it is swept at the next start"
            );
        }
    }

    pub(super) fn owe(&mut self, settling: Settling) {
        if self.owed.len() < MAX_OWED {
            self.owed_back += usize::from(settling.is_given_back());
            self.owed.push(settling);
        } else {
            tracing::error!(
                request_id = %settling.ticket.call,
                "too much is owed to a database that is away; this hold is swept at the next start"
            );
        }
    }
}

#[cfg(test)]
mod tests;
