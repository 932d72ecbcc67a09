//! A batch as one message, on PostgreSQL: what is written, and what sends it back.
//!
//! It must never pass by the way that goes step by step.

use bastion_types::{EnvironmentName, KeyId, Length, Money, RequestId, Scope, Usage, Zone};

use super::super::books::{Asked, Place};
use super::super::marks::Marks;
use super::super::order::{Cap, Cost, HoldOrder, Labels, Payer, Ticket};
use super::*;
use crate::held_clock::HeldClock;
use crate::statement::Cached;
use crate::statement::made_statement;

const BOUND: i64 = 30;
const CAP: i64 = 100;

struct Counter {
    bank: Bank,
    db: PostgresDatabase,
    clock: Arc<HeldClock>,
}

/// None where there is no PostgreSQL to test with.
async fn counter() -> Option<Counter> {
    let db = crate::fresh::databases().await.pop()?;
    let Database::Postgres(postgres) = db.clone() else { return None };
    let clock = HeldClock::new();
    let nodes = Nodes::join(db.clone(), clock.clone()).await.unwrap();
    Some(Counter { bank: Bank::new(db, clock.clone(), nodes), db: postgres, clock })
}

impl Counter {
    fn order(&self) -> HoldOrder {
        let prod = EnvironmentName::parse("prod").unwrap();
        let payer = Payer {
            environment: prod.clone(),
            key_id: KeyId::parse("0000000000Ab"),
            surface: None,
            day: Zone::UTC.day_of(self.clock.now()),
        };
        let scope = Scope::Environment(prod);
        let cap = Cap { scope, length: Length::Month, amount: Money::from_nanos(CAP) };
        let call = RequestId::generate(self.clock.now()).unwrap();
        HoldOrder { caps: vec![cap], ..HoldOrder::new(call, payer, Money::from_nanos(BOUND)) }
    }

    /// Sets a bound aside, by whichever way.
    async fn hold(&self) -> Ticket {
        let (order, mut books) = (self.order(), Books::default());
        let places = books.stand(&order.payer);
        let held = move |books: &mut Books| ticket(books.hold(&order, &places));
        self.bank.run(books, Needs::default(), held).await.unwrap()
    }

    /// Decides by what is known and sends that; was it written?
    async fn sent(
        &self,
        payer: &Payer,
        assumed: Vec<OpenHold>,
        decide: impl FnOnce(&mut Books, &[Place]),
    ) -> Result<bool, StoreError> {
        let mut books = Books::default();
        let places = books.stand(payer);
        let needs = Needs { assumed, ..Needs::default() };
        let mut books = self.bank.supposed(&books, &needs).unwrap();
        decide(&mut books, &places);
        assert!(!books.is_in_doubt());
        self.bank.send(&self.db, books).await
    }

    async fn hold_is_sent(&self) -> Result<bool, StoreError> {
        let order = self.order();
        let hold = |books: &mut Books, places: &[Place]| drop(ticket(books.hold(&order, places)));
        self.sent(&order.payer, Vec::new(), hold).await
    }

    async fn settling_is_sent(&self, ticket: &Ticket) -> bool {
        let settle = |books: &mut Books, places: &[Place]| {
            books.settle(ticket, &cost(), (places, self.clock.now())).unwrap();
        };
        let hold = OpenHold::assumed(ticket).unwrap();
        self.sent(&hold.payer.clone(), vec![hold], settle).await.unwrap()
    }

    /// Somebody else writes.
    async fn another(&self, text: &str) {
        let changed = self.bank.db.run(made_statement(text.to_owned(), Cached::No)).await.unwrap();
        assert!(changed > 0, "{text}");
    }
}

fn ticket(asked: Asked) -> Ticket {
    match asked {
        Asked::Held(ticket) => ticket,
        other @ (Asked::Wait(_) | Asked::Never(_)) => panic!("{other:?}"),
    }
}

fn cost() -> Cost {
    let (usage, labels) = (Usage::default(), Labels::default());
    Cost { amount: Money::from_nanos(10), usage, marks: Marks::NONE, labels }
}

#[tokio::test]
async fn a_batch_is_written_at_once_and_others_room_is_seen_where_it_is_written() {
    let Some(counter) = counter().await else { return };
    let first = counter.hold().await;
    assert!(counter.hold_is_sent().await.unwrap());
    assert!(counter.settling_is_sent(&first).await);
    // 10 spent and 30 held of 100; this process knows nothing of what another one holds now.
    counter.another("UPDATE ledger_accounts SET held = 61 WHERE id = 'env/prod/2026-11'").await;
    assert!(!counter.hold_is_sent().await.unwrap(), "61 + 10 + 30 is more than 100");
    counter.another("UPDATE ledger_accounts SET held = 60 WHERE id = 'env/prod/2026-11'").await;
    assert!(counter.hold_is_sent().await.unwrap());
    assert!(!counter.settling_is_sent(&first).await, "its hold is gone");
}

#[tokio::test]
async fn what_a_batch_was_decided_on_sends_it_back_when_it_is_no_longer_so() {
    let Some(counter) = counter().await else { return };
    let ticket = counter.hold().await;
    let changes = [
        ("UPDATE ledger_holds SET amount = 31", "UPDATE ledger_holds SET amount = 30"),
        ("UPDATE ledger_holds SET on_balance = 1", "UPDATE ledger_holds SET on_balance = 0"),
        (
            "UPDATE ledger_accounts SET credited = 5 WHERE id = 'balance'",
            "UPDATE ledger_accounts SET credited = 0 WHERE id = 'balance'",
        ),
        (
            "INSERT INTO ledger_caps VALUES ('prod', 'day', 1, 1)",
            "DELETE FROM ledger_caps WHERE environment = 'prod'",
        ),
        (
            "UPDATE ledger_accounts SET id = 'x' WHERE id = 'balance'",
            "UPDATE ledger_accounts SET id = 'balance' WHERE id = 'x'",
        ),
    ];
    for (change, back) in changes {
        counter.another(change).await;
        assert!(!counter.settling_is_sent(&ticket).await, "{change}");
        counter.another(back).await;
    }
    assert!(counter.settling_is_sent(&ticket).await);
    counter.another("UPDATE nodes SET ended_at_us = 1").await;
    let told = counter.hold_is_sent().await.unwrap_err();
    assert!(matches!(told, StoreError::LeaseEnded), "{told:?}");
}
