//! The tasks of one round of the teller, and what the books say to each.
//!
//! It must never change what was asked: a batch may be decided more than once.

use std::sync::Arc;

use super::super::bank::Needs;
use super::super::books::{Asked, Books, OpenHold, Place};
use super::super::order::Charged;
use super::doubts::Doubtful;
use super::task::{Ending, Extending, Settling, Waiting};
use crate::StoreError;

/// Most tasks of one transaction, and most settlements: more would make the first of them wait for the last.
pub(super) const BATCH_TASKS: usize = 1024;

/// The tasks of one round, each with the accounts that it stands on.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) settling: Vec<(Settling, Arc<[Place]>)>,
    pub(super) extending: Vec<(Extending, Arc<[Place]>)>,
    pub(super) waiting: Vec<(Box<Waiting>, Arc<[Place]>)>,
    /// Holds that are given back if they are there.
    pub(super) doubtful: Vec<(Doubtful, Arc<[Place]>)>,
}

/// What came of each, in the same order.
#[derive(Default)]
pub(super) struct Told {
    pub(super) settled: Vec<Result<Charged, StoreError>>,
    pub(super) given_back: Vec<Result<Charged, StoreError>>,
    pub(super) extended: Vec<Asked>,
    pub(super) held: Vec<Asked>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.settling.is_empty()
            && self.extending.is_empty()
            && self.waiting.is_empty()
            && self.doubtful.is_empty()
    }

    /// Is it a settlement and nothing else?
    pub(super) fn is_one_settlement(&self) -> bool {
        self.settling.len() == 1
            && self.extending.is_empty()
            && self.waiting.is_empty()
            && self.doubtful.is_empty()
    }

    /// With the accounts that it stands on, and what must be read for it.
    pub(super) fn settle(&mut self, one: Settling, books: &mut Books, needs: &mut Needs) {
        match OpenHold::assumed(&one.ticket) {
            Some(_) if one.again => needs.holds.push(one.ticket.call),
            Some(hold) => needs.assumed.push(hold),
            None if one.again => needs.charges.push(one.ticket.call),
            None => {}
        }
        let places = books.stand(&one.ticket.payer);
        self.settling.push((one, places));
    }

    /// Unless whoever asked has gone.
    pub(super) fn wait(&mut self, waiting: Box<Waiting>, books: &mut Books) {
        if waiting.answer.is_closed() {
            return;
        }
        let places = books.stand(&waiting.order.payer);
        self.waiting.push((waiting, places));
    }

    /// What the books say to each: what gives room first.
    pub(super) fn decide(&self, books: &mut Books) -> Told {
        let mut told = Told::default();
        books.expect_entries(self.settling.len());
        for (one, places) in &self.settling {
            let (ticket, at) = (&one.ticket, one.at);
            told.settled.push(match &one.ending {
                Ending::Charged(cost) => books.settle(ticket, cost, (places, at)),
                Ending::GivenBack(labels) => books.release(ticket, labels, (places, at)),
            });
        }
        for (doubtful, places) in &self.doubtful {
            let Doubtful { ticket, labels, at } = doubtful;
            told.given_back.push(books.release(ticket, labels, (places, *at)));
        }
        for (one, places) in &self.extending {
            told.extended.push(books.extend(&one.ticket, one.more, places));
        }
        for (one, places) in &self.waiting {
            let asked = books.hold(&one.order, places);
            if let Asked::Wait(shortage) = &asked {
                books.wait_for(shortage);
            }
            told.held.push(asked);
        }
        told
    }
}
