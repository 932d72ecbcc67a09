//! The ledger on a real database, with a clock that stands still.
//!
//! It must never depend on how long anything takes.

mod beyond;
mod calendar;
mod doubts;
mod leases;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bastion_types::{
    AccountId, CalendarMonth, Clock, EnvironmentName, KeyId, Length, Money, RequestId, Scope,
    Usage, Zone,
};

use super::*;
use crate::held_clock::HeldClock;

/// A ledger in memory, and what its callers are.
pub(super) struct Scene {
    pub(super) ledger: Ledger,
    clock: Arc<HeldClock>,
    tasks: Tasks,
    pub(super) db: Database,
}

/// Whoever had a lease has none any more.
const ENDED: &str = "UPDATE nodes SET ended_at_us = 1 WHERE ended_at_us IS NULL";

async fn end_leases(db: &Database) {
    db.run(crate::statement::statement(ENDED)).await.unwrap();
}

/// As a process that comes after those that had the database before.
async fn opened(db: &Database, clock: Arc<HeldClock>, tasks: &Tasks) -> Ledger {
    end_leases(db).await;
    let nodes = Nodes::join(db.clone(), clock.clone()).await.unwrap();
    Ledger::open(db.clone(), clock, nodes, tasks).await.unwrap()
}

impl Scene {
    pub(super) async fn new() -> Scene {
        // The last one is PostgreSQL's, where there is one to test with.
        let db = crate::fresh::databases().await.pop().unwrap();
        let (clock, tasks) = (HeldClock::new(), Tasks::new());
        let ledger = opened(&db, clock.clone(), &tasks).await;
        Scene { ledger, clock, tasks, db }
    }

    /// The process dies and another one opens the same database.
    pub(crate) async fn restart(self) -> Scene {
        self.ledger.close().await;
        let Scene { clock, db, .. } = self;
        let tasks = Tasks::new();
        let ledger = opened(&db, clock.clone(), &tasks).await;
        Scene { ledger, clock, tasks, db }
    }

    fn payer(&self) -> Payer {
        Payer {
            environment: prod(),
            key_id: KeyId::parse("0000000000Ab"),
            surface: None,
            day: Zone::UTC.day_of(self.clock.now()),
        }
    }

    /// A call of prod with a monthly cap.
    pub(super) fn order(&self, amount: &str, cap: &str) -> HoldOrder {
        let call = RequestId::generate(self.clock.now()).unwrap();
        let cap = Cap { scope: Scope::Environment(prod()), length: Length::Month, amount: m(cap) };
        HoldOrder { caps: vec![cap], ..HoldOrder::new(call, self.payer(), m(amount)) }
    }

    pub(super) async fn month(&self) -> Account {
        let scope = Scope::Environment(prod());
        let id = AccountId::over(scope, Length::Month, self.payer().day);
        self.ledger.account(&id).await.unwrap()
    }

    async fn balance(&self) -> Account {
        self.ledger.account(&AccountId::BALANCE).await.unwrap()
    }

    /// Nothing is held and every sum is what its entries say.
    pub(super) async fn is_clean(&self) {
        let verdict = self.ledger.verify().await.unwrap();
        assert!(verdict.ok && verdict.holds_open == 0, "{verdict:?}");
    }

    async fn top_up(&self, amount: &str, reference: &str) -> Result<TopUpOutcome, HandError> {
        let reference = reference.to_owned();
        self.ledger.top_up(TopUp { amount: m(amount), reference, note: None }).await
    }
}

fn prod() -> EnvironmentName {
    EnvironmentName::parse("prod").unwrap()
}

fn m(text: &str) -> Money {
    Money::parse(text).unwrap()
}

pub(super) fn cost(text: &str) -> Cost {
    let usage = Usage { input_tokens: 7, output_tokens: 3, ..Usage::default() };
    Cost { amount: m(text), usage, marks: Marks::NONE, labels: Labels::default() }
}

/// Settles, and waits until that is on the disk.
async fn settled(ledger: &Ledger, ticket: Ticket, cost: Cost) -> Money {
    ledger.settle(ticket, cost).await.unwrap().durable().await.unwrap().amount
}

#[tokio::test]
async fn a_settled_call_is_charged_and_the_rest_given_back() {
    let scene = Scene::new().await;
    let ticket = scene.ledger.hold(scene.order("3", "10")).await.unwrap();
    assert_eq!(scene.month().await.held, m("3"));
    let bigger = scene.ledger.extend(&ticket, m("3")).await.unwrap();
    assert_eq!((bigger.amount(), scene.month().await.held), (m("6"), m("6")));
    let charged = scene.ledger.settle(bigger, cost("4.5")).await.unwrap().durable().await.unwrap();
    assert_eq!(charged.amount, m("4.5"));
    assert_eq!(scene.month().await, Account { spent: m("4.5"), ..Account::default() });
    let again = scene.ledger.settle(ticket, cost("4.5")).await.unwrap().durable().await.unwrap();
    assert_eq!(again.amount, m("4.5"), "the same charge again is the charge that is there");
    assert_eq!(scene.month().await.spent, m("4.5"));
    scene.is_clean().await;
}

#[tokio::test]
async fn only_a_spent_cap_is_final_and_a_reserved_one_waits() {
    let scene = Scene::new().await;
    let first = scene.ledger.hold(scene.order("6", "10")).await.unwrap();
    let told = scene.ledger.hold(scene.order("6", "10")).await.unwrap_err();
    assert!(matches!(&told, NotHeld::Reserved(why) if why.held == m("6")), "{told:?}");
    let told = scene.ledger.hold(scene.order("11", "10")).await.unwrap_err();
    assert!(matches!(told, NotHeld::Spent(_)), "{told:?}");
    let wait = HoldOrder { wait: Duration::from_mins(1), ..scene.order("6", "10") };
    let waiting = scene.tasks.spawn({
        let ledger = scene.ledger.clone();
        async move { ledger.hold(wait).await }
    });
    scene.ledger.settle(first, cost("1")).await.unwrap().durable().await.unwrap();
    let second = waiting.await.unwrap().unwrap();
    scene.ledger.settle(second, cost("5")).await.unwrap().durable().await.unwrap();
    let told = scene.ledger.hold(scene.order("6", "10")).await.unwrap_err();
    assert!(matches!(&told, NotHeld::Spent(why) if why.spent == m("6")), "{told:?}");
    scene.is_clean().await;
}

#[tokio::test]
async fn a_small_call_does_not_pass_a_large_one_that_came_first() {
    let scene = Scene::new().await;
    let first = scene.ledger.hold(scene.order("6", "10")).await.unwrap();
    let large = HoldOrder { wait: Duration::from_mins(1), ..scene.order("9", "10") };
    let ledger = scene.ledger.clone();
    let large = scene.tasks.spawn(async move { ledger.hold(large).await });
    let asked = &scene.ledger.inner.desk.asked;
    while asked.capacity() == asked.max_capacity() && !large.is_finished() {
        tokio::task::yield_now().await;
        let small = scene.ledger.hold(scene.order("1", "10")).await;
        match small {
            // It came before the large one.
            Ok(ticket) => scene.ledger.release(ticket).await.unwrap(),
            Err(NotHeld::Reserved(_)) => break,
            Err(other) => panic!("{other:?}"),
        }
    }
    scene.ledger.release(first).await.unwrap();
    let large = large.await.unwrap().unwrap();
    scene.ledger.release(large).await.unwrap();
    scene.is_clean().await;
}

#[tokio::test]
async fn two_hundred_callers_never_pass_a_cap_worth_fifty_calls() {
    let scene = Scene::new().await;
    let calls = (0..200).map(|_| {
        let ledger = scene.ledger.clone();
        let order = HoldOrder { wait: Duration::from_mins(1), ..scene.order("0.3", "5") };
        scene.tasks.spawn(async move {
            match ledger.hold(order).await {
                Ok(ticket) => Some(
                    ledger
                        .settle(ticket, cost("0.1"))
                        .await
                        .unwrap()
                        .durable()
                        .await
                        .unwrap()
                        .amount,
                ),
                Err(NotHeld::Spent(_)) => None,
                Err(other) => panic!("{other:?}"),
            }
        })
    });
    let mut let_through = 0;
    for call in calls.collect::<Vec<_>>() {
        let_through += i64::from(call.await.unwrap().is_some());
    }
    let month = scene.month().await;
    assert!(month.spent <= m("5") && month.held == Money::ZERO);
    assert_eq!(month.spent.nanos(), m("0.1").nanos() * let_through);
    // Whoever fits is let through: the last 0.2 are less than a bound of 0.3.
    assert_eq!(let_through, 48);
    scene.is_clean().await;
}

#[tokio::test]
async fn two_processes_under_one_cap_never_pass_it_and_let_through_all_that_fits() {
    let scene = Scene::new().await;
    if scene.db.dialect() == crate::database::Dialect::Sqlite {
        return;
    }
    let nodes = Nodes::join(scene.db.clone(), scene.clock.clone()).await.unwrap();
    let other = Ledger::open(scene.db.clone(), scene.clock.clone(), nodes, &scene.tasks).await;
    let ledgers = [scene.ledger.clone(), other.unwrap()];
    let calls = ledgers.iter().cycle().take(200).map(|ledger| {
        let ledger = ledger.clone();
        let order = HoldOrder { wait: Duration::from_mins(1), ..scene.order("0.3", "5") };
        scene.tasks.spawn(async move {
            match ledger.hold(order).await {
                Ok(ticket) => Some(settled(&ledger, ticket, cost("0.1")).await),
                Err(NotHeld::Spent(_)) => None,
                Err(other) => panic!("{other:?}"),
            }
        })
    });
    let mut let_through = 0;
    for call in calls.collect::<Vec<_>>() {
        let_through += i64::from(call.await.unwrap().is_some());
    }
    let month = scene.month().await;
    assert_eq!((month.spent.nanos(), let_through), (m("4.8").nanos(), 48));
    scene.is_clean().await;
    // What the other one has spent is known here, though nothing was read in between.
    let order = |bound: &str, cap: &str| scene.order(bound, cap);
    let ticket = ledgers[1].hold(order("5", "10")).await.unwrap();
    ledgers[1].settle(ticket, cost("5")).await.unwrap().durable().await.unwrap();
    let told = ledgers[0].hold(order("0.3", "10")).await.unwrap_err();
    assert!(matches!(&told, NotHeld::Spent(why) if why.spent == m("9.8")), "{told:?}");
    let ticket = ledgers[0].hold(order("0.2", "10")).await.unwrap();
    ledgers[0].settle(ticket, cost("0.2")).await.unwrap().durable().await.unwrap();
    scene.is_clean().await;
}

#[tokio::test]
async fn a_top_up_counts_once_for_each_reference() {
    let scene = Scene::new().await;
    assert_eq!(scene.top_up("50", "r1").await.unwrap(), TopUpOutcome::Done);
    assert_eq!(scene.top_up("50", "r1").await.unwrap(), TopUpOutcome::AlreadyThere);
    let told = scene.top_up("51", "r1").await.unwrap_err();
    assert!(matches!(told, HandError::OtherAmount { .. }), "{told}");
    assert!(matches!(scene.top_up("0", "r2").await, Err(HandError::Amount)));
    assert_eq!(scene.balance().await.credited, m("50"));
    scene.is_clean().await;
}

#[tokio::test]
async fn an_amount_beyond_what_can_be_counted_is_a_refusal_and_changes_nothing() {
    let scene = Scene::new().await;
    let most = Money::from_nanos(i64::MAX).to_string();
    assert_eq!(scene.top_up("5", "r1").await.unwrap(), TopUpOutcome::Done);
    let told = scene.top_up(&most, "r2").await.unwrap_err();
    assert!(matches!(told, HandError::Beyond), "{told:?}");
    assert!(told.to_string().contains("give a smaller amount"), "{told}");
    let day = scene.payer().day;
    let adjust = |amount: &str, reference: &str| {
        scene.ledger.adjust(Adjustment {
            amount: m(amount),
            concerns: Concerns::Environment(prod(), day),
            reason: "a bill".to_owned(),
            reference: reference.to_owned(),
        })
    };
    adjust("5", "a1").await.unwrap();
    let told = adjust(&most, "a2").await.unwrap_err();
    assert!(matches!(told, HandError::Beyond), "{told:?}");
    assert_eq!((scene.balance().await.credited, scene.month().await.spent), (m("5"), m("5")));
    assert_eq!(scene.top_up("1", "r2").await.unwrap(), TopUpOutcome::Done, "nothing stood there");
    scene.is_clean().await;
}

#[tokio::test]
async fn from_the_first_top_up_on_an_empty_balance_refuses() {
    let scene = Scene::new().await;
    let order = || HoldOrder { caps: Vec::new(), ..scene.order("3", "0") };
    let before = scene.ledger.hold(order()).await.unwrap();
    assert!(!before.is_held(), "nothing limits it");
    scene.ledger.settle(before, cost("2")).await.unwrap().durable().await.unwrap();
    assert_eq!(scene.balance().await, Account::default(), "no balance was there to draw on");
    scene.top_up("4", "r1").await.unwrap();
    let first = scene.ledger.hold(order()).await.unwrap();
    let told = scene.ledger.hold(order()).await.unwrap_err();
    assert!(matches!(&told, NotHeld::Reserved(why) if why.account == AccountId::BALANCE));
    scene.ledger.settle(first, cost("2")).await.unwrap().durable().await.unwrap();
    let told = scene.ledger.hold(order()).await.unwrap_err();
    assert!(matches!(&told, NotHeld::Spent(why) if why.account == AccountId::BALANCE));
    let watched = HoldOrder { prepaid: Prepaid::Never, ..order() };
    let watched = scene.ledger.hold(watched).await.unwrap();
    scene.ledger.settle(watched, cost("3")).await.unwrap().durable().await.unwrap();
    assert_eq!(scene.balance().await.spent, m("5"), "it is drawn on and does not refuse");
    scene.is_clean().await;
}

#[tokio::test]
async fn a_cap_that_an_operator_sets_counts_from_the_next_call_on() {
    let scene = Scene::new().await;
    let order = || HoldOrder { caps: Vec::new(), ..scene.order("3", "0") };
    scene.ledger.set_cap(&prod(), Length::Day, m("2")).await.unwrap();
    assert!(matches!(scene.ledger.hold(order()).await, Err(NotHeld::Spent(_))));
    let caps = scene.ledger.set_caps().await.unwrap();
    assert_eq!((caps.len(), caps[0].cap, caps[0].length), (1, m("2"), Length::Day));
    // It stands in place of the configuration's, which is lower.
    scene.ledger.set_cap(&prod(), Length::Month, m("100")).await.unwrap();
    scene.ledger.remove_cap(&prod(), Length::Day).await.unwrap();
    let ticket = scene.ledger.hold(scene.order("3", "1")).await.unwrap();
    scene.ledger.release(ticket).await.unwrap();
    assert!(scene.ledger.remove_cap(&prod(), Length::Month).await.unwrap());
    assert!(!scene.ledger.remove_cap(&prod(), Length::Month).await.unwrap());
    assert!(matches!(scene.ledger.hold(scene.order("3", "1")).await, Err(NotHeld::Spent(_))));
}

#[tokio::test]
async fn a_first_cap_whose_setter_has_left_is_kept_all_the_same() {
    let scene = Scene::new().await;
    let order = || HoldOrder { caps: Vec::new(), ..scene.order("3", "0") };
    assert!(!scene.ledger.limits(&order()));
    let prod = prod();
    {
        let mut set = pin!(scene.ledger.set_cap(&prod, Length::Month, m("1")));
        let is_begun = poll_fn(|cx| Poll::Ready(set.as_mut().poll(cx).is_pending())).await;
        assert!(is_begun, "it has ended already");
    }
    let kept = async {
        while !scene.ledger.limits(&order()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), kept).await.expect("the cap is not kept");
    let told = scene.ledger.hold(order()).await.unwrap_err();
    assert!(matches!(told, NotHeld::Spent(_)), "{told}");
}

#[tokio::test]
async fn a_correction_has_a_reason_and_gives_back_no_more_than_was_charged() {
    let scene = Scene::new().await;
    let order = scene.order("3", "10");
    let call = order.call;
    let ticket = scene.ledger.hold(order).await.unwrap();
    scene.ledger.settle(ticket, cost("2")).await.unwrap().durable().await.unwrap();
    let adjust = |nanos: i64, concerns: Concerns, reference: &str| {
        scene.ledger.adjust(Adjustment {
            amount: Money::from_nanos(nanos),
            concerns,
            reason: "the provider gave it back".to_owned(),
            reference: reference.to_owned(),
        })
    };
    let back = -m("1.5").nanos();
    adjust(back, Concerns::Call(call), "a").await.unwrap();
    let told = adjust(back, Concerns::Call(call), "b").await.unwrap_err();
    assert!(matches!(told, HandError::TooMuchBack { cost } if cost == m("0.5")), "{told}");
    assert_eq!(adjust(back, Concerns::Call(call), "a").await.unwrap(), TopUpOutcome::AlreadyThere);
    assert_eq!(scene.month().await.spent, m("0.5"));
    let day = scene.payer().day;
    adjust(m("1").nanos(), Concerns::Environment(prod(), day), "c").await.unwrap();
    assert_eq!(scene.month().await.spent, m("1.5"));
    let given_back = scene.ledger.given_back(&prod(), day.month()).await.unwrap();
    assert_eq!(given_back, m("1.5"), "what was added by hand takes nothing from it");
    let told = adjust(-m("1.500000001").nanos(), Concerns::Environment(prod(), day), "e").await;
    let told = told.unwrap_err().to_string();
    assert!(told.starts_with("prod spent 1.50 on 20"), "{told}");
    let back = -m("0.25").nanos();
    adjust(back, Concerns::Environment(prod(), day), "f").await.unwrap();
    assert_eq!(scene.month().await.spent, m("1.25"));
    for other in
        [Concerns::Call(call), Concerns::Environment(EnvironmentName::parse("dev").unwrap(), day)]
    {
        let told = adjust(m("1").nanos(), other, "c").await.unwrap_err();
        assert!(matches!(told, HandError::OtherConcern { .. }), "{told}");
    }
    let nobody = RequestId::generate(scene.clock.now()).unwrap();
    let told = adjust(1, Concerns::Call(nobody), "d").await.unwrap_err();
    assert!(matches!(told, HandError::UnknownCall(_)));
    scene.is_clean().await;
}

#[tokio::test]
async fn verify_names_a_sum_that_was_changed_by_hand() {
    let scene = Scene::new().await;
    let ticket = scene.ledger.hold(scene.order("3", "10")).await.unwrap();
    scene.ledger.settle(ticket, cost("2")).await.unwrap().durable().await.unwrap();
    let forged = "UPDATE ledger_accounts SET spent = spent - 1 WHERE id = 'env/prod/2026-11'";
    scene.db.run(crate::statement::statement(forged)).await.unwrap();
    let verdict = scene.ledger.verify().await.unwrap();
    let expect = Difference {
        account: "env/prod/2026-11".to_owned(),
        sum: "spent",
        kept: Money::from_nanos(m("2").nanos() - 1),
        counted: m("2"),
    };
    assert_eq!((verdict.ok, verdict.differences), (false, vec![expect]));
}

#[tokio::test]
async fn a_call_that_leaves_while_it_waits_holds_nothing() {
    let scene = Scene::new().await;
    let first = scene.ledger.hold(scene.order("6", "10")).await.unwrap();
    let wait = HoldOrder { wait: Duration::from_mins(1), ..scene.order("6", "10") };
    let gone = tokio::time::timeout(Duration::from_millis(20), scene.ledger.hold(wait)).await;
    assert!(gone.is_err());
    scene.ledger.release(first).await.unwrap();
    let ticket = scene.ledger.hold(scene.order("10", "10")).await.unwrap();
    scene.ledger.release(ticket).await.unwrap();
    scene.is_clean().await;
}

#[tokio::test]
async fn a_call_that_is_told_not_to_wait_holds_nothing() {
    let scene = Scene::new().await;
    let first = scene.ledger.hold(scene.order("8", "10")).await.unwrap();
    let patient = HoldOrder { wait: Duration::from_mins(1), ..scene.order("3", "10") };
    let (say, over) = oneshot::channel::<()>();
    let waiting = scene.ledger.hold_until(patient, async move { drop(over.await) });
    let mut waiting = pin!(waiting);
    assert!(poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await);
    drop(say);
    let told = tokio::time::timeout(Duration::from_secs(20), waiting).await;
    told.expect("it waits on").unwrap_err();
    assert!(!scene.ledger.inner.outage.is_on(), "nobody was late");
    assert_eq!(settled(&scene.ledger, first, cost("1")).await, m("1"));
    let next = scene.ledger.hold(scene.order("9", "10")).await.unwrap();
    scene.ledger.release(next).await.unwrap();
    assert_eq!(scene.month().await.spent, m("1"));
    scene.is_clean().await;
}

#[tokio::test]
async fn what_is_owed_is_written_before_the_end() {
    let scene = Scene::new().await;
    let ticket = scene.ledger.hold(scene.order("3", "10")).await.unwrap();
    let ledger = scene.ledger.clone();
    let settled = scene.tasks.spawn(async move { ledger.settle(ticket, cost("2")).await });
    assert!(settled.await.unwrap().is_ok());
    scene.ledger.close().await;
    scene.tasks.finished().await;
    assert_eq!(scene.month().await, Account { spent: m("2"), ..Account::default() });
    let told = scene.ledger.hold(scene.order("1", "10")).await.unwrap_err();
    assert!(matches!(told, NotHeld::Unavailable { .. }));
}

fn of_user(name: String) -> Cost {
    Cost { labels: Labels { user: Some(name), ..Labels::default() }, ..cost("1") }
}

#[tokio::test]
async fn a_refund_counts_where_the_charge_of_its_call_does() {
    let scene = Scene::new().await;
    let order = scene.order("3", "10");
    let concerns = Concerns::Call(order.call);
    let ticket = scene.ledger.hold(order).await.unwrap();
    settled(&scene.ledger, ticket, of_user("ada".to_owned())).await;
    let (amount, reason) = (Money::from_nanos(-m("0.25").nanos()), "given back".to_owned());
    let back = Adjustment { amount, concerns, reason, reference: "a".to_owned() };
    scene.ledger.adjust(back).await.unwrap();
    let spent = scene.ledger.spend(SpendBy::User, scene.payer().day.month()).await.unwrap();
    let told: Vec<_> = spent.rows.iter().map(|row| (row.name.as_deref(), row.amount)).collect();
    assert_eq!((told, spent.total), (vec![(Some("ada"), m("0.75"))], m("0.75")));
}

#[tokio::test]
async fn a_months_total_counts_the_names_that_are_not_shown() {
    let scene = Scene::new().await;
    for number in 0..1002 {
        let order = HoldOrder { caps: Vec::new(), ..scene.order("1", "10") };
        let ticket = scene.ledger.count(order);
        let settling = scene.ledger.settle(ticket, of_user(format!("user-{number}"))).await;
        drop(settling.unwrap());
    }
    scene.ledger.close().await;
    scene.tasks.finished().await;
    let spent = scene.ledger.spend(SpendBy::User, scene.payer().day.month()).await.unwrap();
    assert_eq!((spent.rows.len(), spent.further, spent.total), (1000, 2, m("1002")));
    let nothing = CalendarMonth::parse("1999-01").unwrap();
    assert_eq!(scene.ledger.spend(SpendBy::User, nothing).await.unwrap(), Spent::default());
}
