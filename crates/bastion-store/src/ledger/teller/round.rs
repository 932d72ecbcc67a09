//! One round of the teller: what gives room first, then the line, then who is new.
//!
//! It must never answer what the database has not confirmed.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::bank::Needs;
use super::super::books::{Asked, Books};
use super::super::marks::Marks;
use super::super::order::{Labels, NotHeld, Ticket};
use super::batch::{Batch, Told};
use super::doubts::Doubtful;
use super::line::refuse;
use super::task::{Ending, Settling, Task, Waiting};
use super::{BATCH_TASKS, KEPT_FOR_GIVING_BACK, MAX_OWED, PAUSE, Teller};
use crate::StoreError;
use crate::database::Dialect;

impl Teller {
    /// Decides and writes everything that is there, then answers.
    pub(super) async fn round(&mut self, fresh: &mut Vec<Task>) {
        let mut books = Books::default();
        let mut needs = Needs::default();
        let round = self.sort(fresh, &mut books, &mut needs);
        if round.is_empty() {
            self.spare = round;
            return;
        }
        let round = Arc::new(round);
        let decided = Arc::clone(&round);
        let told = self.bank.run(books, needs, move |books| decided.decide(books)).await;
        // Whoever decided has given its share back: it is over when the bank answers.
        let Some(round) = Arc::into_inner(round) else {
            tracing::error!("a round is still being decided; what its calls hold is swept later");
            return;
        };
        match told {
            Ok(told) => {
                self.outage.over();
                self.answer(round, told);
            }
            Err(cause) => self.put_off(round, &cause),
        }
    }

    /// Who is asked in which order.
    fn sort(&mut self, fresh: &mut Vec<Task>, books: &mut Books, needs: &mut Needs) -> Batch {
        let mut round = std::mem::take(&mut self.spare);
        let due = self.retry_at.is_none_or(|at| at <= Instant::now());
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
        round
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

    /// The database did not take it: who asks is refused, what is owed stays owed.
    fn put_off(&mut self, round: Batch, cause: &StoreError) {
        tracing::error!(%cause, "the ledger cannot be written; no call is sent without a hold");
        self.outage.began();
        self.retry_at = Some(Instant::now() + PAUSE);
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

    fn owe(&mut self, settling: Settling) {
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
