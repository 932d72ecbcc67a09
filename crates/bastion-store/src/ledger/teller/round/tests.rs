//! A teller that is moved by hand: what it owes, what it gives back, what room it keeps.
//!
//! It must never let the scene's own teller decide what is asked of this one.

use std::sync::Arc;
use std::time::Duration;

use bastion_types::{Clock, Money, RequestId};
use tokio::sync::oneshot;

use super::super::super::order::{Cost, HoldOrder};
use super::super::super::outage::Outage;
use super::super::super::tests::{Scene, cost};
use super::super::desk::{Desk, desk};
use super::*;
use crate::held_clock::HeldClock;
use crate::statement::{Cached, made_statement};

/// A second teller on the scene's books, moved by hand.
fn teller(scene: &Scene) -> (Desk, Teller) {
    let (desk, brought) = desk();
    let clock: Arc<dyn Clock> = HeldClock::new();
    (desk, Teller::new(scene.ledger.inner.bank.clone(), brought, Arc::new(Outage::new(clock))))
}

/// What a call that nothing limits owes.
fn owing(scene: &Scene, teller: &Teller) -> Settling {
    let order = scene.order("1", "10");
    let call = RequestId::generate(teller.bank.now()).unwrap();
    let ticket = scene.ledger.count(HoldOrder { call, caps: Vec::new(), ..order });
    let ending = Ending::Charged(Box::new(cost("0.001")));
    Settling { ticket, ending, at: teller.bank.now(), again: true, answer: None }
}

#[tokio::test]
async fn what_an_outage_left_is_written_batch_by_batch() {
    let scene = Scene::new().await;
    let (_desk, mut teller) = teller(&scene);
    for _ in 0..BATCH_TASKS + 5 {
        let one = owing(&scene, &teller);
        teller.owe(one);
    }
    teller.round(&mut Vec::new()).await;
    assert_eq!(teller.owed.len(), 5);
    assert!(teller.due().is_some(), "the rest is not forgotten");
    teller.round(&mut Vec::new()).await;
    assert_eq!((teller.owed.len(), teller.due()), (0, None));
    let written = i64::try_from(BATCH_TASKS + 5).unwrap() * cost("0.001").amount.nanos();
    assert_eq!(scene.month().await.spent, Money::from_nanos(written));
}

#[tokio::test]
async fn settlements_are_gathered_unless_a_batch_is_full() {
    let scene = Scene::new().await;
    let (desk, mut teller) = teller(&scene);
    for _ in 0..BATCH_TASKS + 2 {
        let one = owing(&scene, &teller);
        desk.bring(one).await.unwrap();
    }
    tokio::time::pause();
    let began = Instant::now();
    assert!(teller.gather(&mut Vec::new()).await);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(teller.brought.take_settlements(BATCH_TASKS, drop), BATCH_TASKS);
    assert!(teller.gather(&mut Vec::new()).await);
    assert!(began.elapsed() >= Duration::from_millis(50), "two are no batch");
    assert_eq!(teller.brought.take_settlements(BATCH_TASKS, drop), 2);
}

#[tokio::test]
async fn a_full_desk_says_so_until_something_is_taken() {
    let scene = Scene::new().await;
    let (desk, mut teller) = teller(&scene);
    let places = teller.brought.places();
    for _ in 0..places {
        assert!(!desk.is_full());
        let one = owing(&scene, &teller);
        desk.bring(one).await.unwrap();
    }
    assert!(desk.is_full());
    assert_eq!(teller.brought.take_settlements(1, drop), 1);
    assert!(!desk.is_full());
}

/// From now on the database refuses entries of this user.
async fn refuse_user(scene: &Scene, user: &str) {
    let text = match scene.db.dialect() {
        Dialect::Sqlite => format!(
            "CREATE TRIGGER refused BEFORE INSERT ON ledger_entries WHEN NEW.labels LIKE '%{user}%' \
             BEGIN SELECT RAISE(ABORT, 'refused'); END"
        ),
        Dialect::Postgres => format!(
            "ALTER TABLE ledger_entries ADD CONSTRAINT refused CHECK (labels NOT LIKE '%{user}%')"
        ),
    };
    scene.db.run(made_statement(text, Cached::No)).await.unwrap();
}

async fn let_user_pass(scene: &Scene) {
    let text = match scene.db.dialect() {
        Dialect::Sqlite => "DROP TRIGGER refused",
        Dialect::Postgres => "ALTER TABLE ledger_entries DROP CONSTRAINT refused",
    };
    scene.db.run(made_statement(text.to_owned(), Cached::No)).await.unwrap();
}

fn owing_by(user: &str, scene: &Scene, teller: &Teller) -> Settling {
    let labels = Labels { user: Some(user.to_owned()), ..Labels::default() };
    let ending = Ending::Charged(Box::new(Cost { labels, ..cost("0.001") }));
    Settling { ending, ..owing(scene, teller) }
}

/// How many charges of [`owing`] are written.
async fn written(scene: &Scene) -> i64 {
    scene.month().await.spent.nanos() / cost("0.001").amount.nanos()
}

/// Rounds until nothing is owed, each in its time.
async fn until_nothing_is_owed(teller: &mut Teller) {
    let mut rounds = 0;
    while !teller.owed.is_empty() {
        rounds += 1;
        assert!(rounds < 60, "{} are still owed", teller.owed.len());
        tokio::time::sleep_until(teller.due().unwrap()).await;
        teller.round(&mut Vec::new()).await;
    }
}

/// A minute passes for whoever waits for it, and not for the database.
async fn a_minute_passes() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn one_that_the_database_refuses_takes_nobody_with_it_and_is_not_forgotten() {
    let scene = Scene::new().await;
    refuse_user(&scene, "poison").await;
    let (desk, mut teller) = teller(&scene);
    for number in 0..100 {
        let user = if [7, 41].contains(&number) { "poison" } else { "good" };
        desk.bring(owing_by(user, &scene, &teller)).await.unwrap();
    }
    teller.round(&mut Vec::new()).await;
    assert_eq!(written(&scene).await, 0, "the first batch is refused as a whole");
    assert!(!teller.outage.is_on(), "the database is there");
    until_nothing_is_owed(&mut teller).await;
    assert_eq!((written(&scene).await, teller.refused.all().count()), (98, 2));
    // Others are not kept by them.
    desk.bring(owing(&scene, &teller)).await.unwrap();
    teller.round(&mut Vec::new()).await;
    assert_eq!((written(&scene).await, teller.owed.len()), (99, 0));
    let_user_pass(&scene).await;
    a_minute_passes().await;
    teller.round(&mut Vec::new()).await;
    teller.round(&mut Vec::new()).await;
    assert_eq!((written(&scene).await, teller.refused.all().count()), (101, 0));
    scene.is_clean().await;
}

#[tokio::test]
async fn a_hold_beside_one_that_is_refused_is_granted() {
    let scene = Scene::new().await;
    refuse_user(&scene, "poison").await;
    let (desk, mut teller) = teller(&scene);
    desk.bring(owing_by("poison", &scene, &teller)).await.unwrap();
    let (answer, told) = oneshot::channel();
    let order = scene.order("3", "10");
    let waiting = Waiting { order, until: Instant::now(), answer };
    teller.round(&mut vec![Task::Hold(Box::new(waiting))]).await;
    let ticket = told.await.unwrap().unwrap();
    assert_eq!(scene.month().await.held, Money::parse("3").unwrap());
    scene.ledger.release(ticket).await.unwrap();
    until_nothing_is_owed(&mut teller).await;
    assert_eq!(teller.refused.all().count(), 1);
}

#[tokio::test]
async fn what_was_put_aside_is_tried_once_more_at_the_end() {
    let scene = Scene::new().await;
    refuse_user(&scene, "poison").await;
    let (desk, mut teller) = teller(&scene);
    for _ in 0..2 {
        desk.bring(owing_by("poison", &scene, &teller)).await.unwrap();
    }
    teller.round(&mut Vec::new()).await;
    until_nothing_is_owed(&mut teller).await;
    assert_eq!((written(&scene).await, teller.refused.all().count()), (0, 2));
    let_user_pass(&scene).await;
    drop(desk);
    tokio::time::timeout(Duration::from_secs(5), teller.run()).await.unwrap();
    assert_eq!(written(&scene).await, 2);
}

#[tokio::test]
async fn a_database_that_fails_is_no_database_that_refuses() {
    let scene = Scene::new().await;
    let (desk, mut teller) = teller(&scene);
    for _ in 0..3 {
        desk.bring(owing(&scene, &teller)).await.unwrap();
    }
    let away = "ALTER TABLE ledger_entries RENAME TO away";
    scene.db.run(made_statement(away.to_owned(), Cached::No)).await.unwrap();
    teller.round(&mut Vec::new()).await;
    assert!(teller.outage.is_on());
    assert_eq!((teller.owed.len(), teller.refused.suspects()), (3, None));
    assert!(teller.due().is_some_and(|at| at > Instant::now()), "not before a pause");
}

#[tokio::test]
async fn what_there_is_no_room_to_owe_waits_with_its_call() {
    let scene = Scene::new().await;
    let (desk, mut teller) = teller(&scene);
    let one = owing(&scene, &teller);
    desk.bring(one).await.unwrap();
    teller.retry_at = Some(Instant::now() + PAUSE * 1000);
    for _ in 0..MAX_OWED - KEPT_FOR_GIVING_BACK {
        let one = owing(&scene, &teller);
        teller.owed.push(one);
    }
    let sorted = |teller: &mut Teller| {
        let (mut books, mut needs) = (Books::default(), Needs::default());
        teller.sort(&mut Vec::new(), &mut books, &mut needs).settling.len()
    };
    assert_eq!(sorted(&mut teller), 0);
    teller.owed.pop();
    assert_eq!(sorted(&mut teller), 1);
}

#[tokio::test]
async fn a_hold_whose_asker_has_gone_is_given_back_without_another_task() {
    let scene = Scene::new().await;
    let (_desk, mut teller) = teller(&scene);
    let order = scene.order("3", "10");
    let ticket = scene.ledger.hold(order.clone()).await.unwrap();
    let (answer, gone) = oneshot::channel();
    drop(gone);
    teller.hand_over(Waiting { order, until: Instant::now(), answer }, ticket);
    assert!(teller.due().is_some());
    teller.round(&mut Vec::new()).await;
    assert_eq!(scene.month().await.held, Money::ZERO);
}

#[tokio::test]
async fn a_hold_that_is_written_when_its_call_was_refused_is_given_back() {
    let scene = Scene::new().await;
    let (_desk, mut teller) = teller(&scene);
    let order = scene.order("3", "10");
    let ticket = Ticket::held(&order, false, Marks::NONE);
    let refused = Doubtful { ticket, labels: order.labels.clone(), at: teller.bank.now() };
    let written = scene.ledger.hold(order).await.unwrap();
    let long_ago = Instant::now().checked_sub(Duration::from_mins(1)).unwrap();
    teller.doubts.note(refused, long_ago);
    assert!(teller.due().is_some());
    teller.round(&mut Vec::new()).await;
    assert_eq!(scene.month().await.held, Money::ZERO);
    // Whoever had it all the same is charged what it used.
    scene.ledger.settle(written, cost("1")).await.unwrap().durable().await.unwrap();
    assert_eq!(scene.month().await.spent, cost("1").amount);
    scene.is_clean().await;
}

#[tokio::test]
async fn a_refused_call_that_was_swept_owes_nothing_when_it_is_looked_for() {
    let scene = Scene::new().await;
    let order = scene.order("3", "10");
    // Its hold was written, and its answer was lost with the process.
    let _lost = scene.ledger.hold(order.clone()).await.unwrap();
    let scene = scene.restart().await;
    let (_desk, mut teller) = teller(&scene);
    assert_eq!(scene.ledger.sweep(crate::UnknownOutcome::Charge).await.unwrap(), 1);
    let ticket = Ticket::held(&order, false, Marks::NONE);
    let refused = Doubtful { ticket, labels: order.labels.clone(), at: teller.bank.now() };
    teller.doubts.note(refused, Instant::now().checked_sub(Duration::from_mins(1)).unwrap());
    teller.round(&mut Vec::new()).await;
    assert_eq!(scene.month().await.spent, Money::ZERO);
    scene.is_clean().await;
}

#[tokio::test]
async fn what_is_given_back_takes_no_place_of_what_was_used() {
    let scene = Scene::new().await;
    let (_desk, mut teller) = teller(&scene);
    let ticket = || Ticket::held(&scene.order("1", "10"), false, Marks::NONE);
    for _ in 0..KEPT_FOR_GIVING_BACK + 3 {
        let given_back = teller.give_back(ticket(), Labels::default());
        teller.owe_in_doubt(given_back);
    }
    assert_eq!(teller.owed.len(), KEPT_FOR_GIVING_BACK);
    while teller.owed.len() < MAX_OWED {
        let one = owing(&scene, &teller);
        teller.owe(one);
    }
    let used = teller.owed.iter().filter(|one| matches!(one.ending, Ending::Charged(_))).count();
    assert_eq!(used, MAX_OWED - KEPT_FOR_GIVING_BACK);
    let (mut books, mut needs) = (Books::default(), Needs::default());
    teller.sort(&mut Vec::new(), &mut books, &mut needs);
    assert_eq!(teller.owed_back, KEPT_FOR_GIVING_BACK - BATCH_TASKS, "they were the first");
}

#[tokio::test]
async fn an_end_without_room_for_what_is_brought_neither_spins_nor_lasts() {
    let scene = Scene::new().await;
    let (desk, mut teller) = teller(&scene);
    let brought = owing(&scene, &teller);
    desk.bring(brought).await.unwrap();
    while teller.owed.len() < MAX_OWED {
        let one = owing(&scene, &teller);
        teller.owed.push(one);
    }
    // The database is away for long.
    teller.retry_at = Some(Instant::now() + PAUSE * 1000);
    let mut fresh = Vec::new();
    assert!(teller.brought.next(&mut fresh, 1, false).await, "the first is gathered");
    teller.sort(&mut vec![Task::Close], &mut Books::default(), &mut Needs::default());
    let waits = {
        let mut next = std::pin::pin!(teller.brought.next(&mut fresh, 1, false));
        std::future::poll_fn(|cx| std::task::Poll::Ready(next.as_mut().poll(cx).is_pending())).await
    };
    assert!(waits, "what is gathered has its time, and nothing spins");
    assert!(!teller.is_late());
    teller.give_up_at = Some(Instant::now());
    assert!(teller.is_late(), "what is owed is swept later");
    let (other, nobody) = super::super::desk::desk();
    assert!(!other.is_full());
    drop(nobody);
    assert!(other.is_full(), "nobody takes what another call would owe");
}
