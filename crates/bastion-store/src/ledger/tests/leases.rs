//! Processes that die, or are frozen and wake: what becomes of what they held.
//!
//! It must never end a lease that a test still counts on.

use super::*;

#[tokio::test]
async fn the_holds_of_a_dead_process_are_charged_and_marked_once() {
    let scene = Scene::new().await;
    let ticket = scene.ledger.hold(scene.order("3", "10")).await.unwrap();
    let scene = scene.restart().await;
    assert_eq!(scene.month().await.held, m("3"));
    assert_eq!(scene.ledger.sweep(UnknownOutcome::Charge).await.unwrap(), 1);
    assert_eq!(scene.ledger.sweep(UnknownOutcome::Charge).await.unwrap(), 0);
    assert_eq!(scene.month().await, Account { spent: m("3"), ..Account::default() });
    // A process that was only frozen tells what the call cost: the charge is put right, once.
    for _ in 0..2 {
        scene.ledger.settle(ticket.clone(), cost("1")).await.unwrap().durable().await.unwrap();
        assert_eq!(scene.month().await.spent, m("1"));
    }
    scene.is_clean().await;
}

/// Adds so much to the environment's sum, or takes it away.
async fn put_right(scene: &Scene, nanos: i64, reference: &str) {
    let adjustment = Adjustment {
        amount: Money::from_nanos(nanos),
        concerns: Concerns::Environment(prod(), scene.payer().day),
        reason: "a slip of the keyboard".to_owned(),
        reference: reference.to_owned(),
    };
    scene.ledger.adjust(adjustment).await.unwrap();
}

#[tokio::test]
async fn a_hold_whose_charge_cannot_be_counted_stays_and_stops_no_other() {
    let scene = Scene::new().await;
    // More of them than one, so that one of the others stands behind it in any order.
    for _ in 0..3 {
        let other = EnvironmentName::parse("other").unwrap();
        let order = scene.order("2", "10");
        let payer = Payer { environment: other.clone(), ..order.payer.clone() };
        let cap = Cap { scope: Scope::Environment(other), ..order.caps[0].clone() };
        let order = HoldOrder { payer, caps: vec![cap], ..order };
        let _lost = scene.ledger.hold(order).await.unwrap();
    }
    let held = scene.ledger.hold(scene.order("3", "10")).await.unwrap();
    let much = i64::MAX - 1;
    put_right(&scene, much, "t-1").await;
    let settled = scene.ledger.settle(held, cost("1")).await.unwrap();
    assert!(settled.durable().await.is_err(), "it cannot be counted");
    assert_eq!(scene.month().await.held, m("3"), "and is not lost");
    let scene = scene.restart().await;
    assert!(scene.ledger.sweep(UnknownOutcome::Charge).await.is_err());
    let id = AccountId::over(
        Scope::Environment(EnvironmentName::parse("other").unwrap()),
        Length::Month,
        scene.payer().day,
    );
    let other = scene.ledger.account(&id).await.unwrap();
    assert_eq!(other, Account { spent: m("6"), ..Account::default() });
    put_right(&scene, -much, "t-2").await;
    assert_eq!(scene.ledger.sweep(UnknownOutcome::Charge).await.unwrap(), 1);
    assert_eq!(scene.month().await, Account { spent: m("3"), ..Account::default() });
    scene.is_clean().await;
}

#[tokio::test]
async fn a_swept_call_of_which_nothing_was_sent_owes_nothing() {
    let scene = Scene::new().await;
    let ticket = scene.ledger.hold(scene.order("3", "10")).await.unwrap();
    let scene = scene.restart().await;
    assert_eq!(scene.ledger.sweep(UnknownOutcome::Charge).await.unwrap(), 1);
    assert_eq!(scene.month().await.spent, m("3"));
    for _ in 0..2 {
        scene.ledger.release(ticket.clone()).await.unwrap();
        assert_eq!(scene.month().await, Account::default());
    }
    scene.is_clean().await;
}

#[tokio::test]
async fn what_an_operator_gave_back_of_a_swept_call_is_not_given_back_again() {
    for (back, usage, net) in [("2", "0.5", "0.5"), ("2", "1.5", "1"), ("3", "2", "0")] {
        let scene = Scene::new().await;
        let ticket = scene.ledger.hold(scene.order("3", "10")).await.unwrap();
        let call = ticket.call;
        let scene = scene.restart().await;
        assert_eq!(scene.ledger.sweep(UnknownOutcome::Charge).await.unwrap(), 1);
        let refund = Adjustment {
            amount: Money::from_nanos(-m(back).nanos()),
            concerns: Concerns::Call(call),
            reason: "nobody knows what it did".to_owned(),
            reference: "t-1".to_owned(),
        };
        scene.ledger.adjust(refund).await.unwrap();
        scene.ledger.settle(ticket, cost(usage)).await.unwrap().durable().await.unwrap();
        assert_eq!(scene.month().await.spent, m(net), "{back} back, then usage of {usage}");
        scene.is_clean().await;
    }
}

#[tokio::test]
async fn the_holds_of_a_dead_process_may_be_given_back() {
    let scene = Scene::new().await;
    let _lost = scene.ledger.hold(scene.order("3", "10")).await.unwrap();
    let scene = scene.restart().await;
    assert_eq!(scene.ledger.sweep(UnknownOutcome::Release).await.unwrap(), 1);
    assert_eq!(scene.month().await, Account::default());
    assert_eq!(scene.ledger.verify().await.unwrap().entries, 1, "it is marked all the same");
    scene.is_clean().await;
}

#[tokio::test]
async fn a_hold_under_a_lease_that_others_have_ended_is_not_written() {
    let scene = Scene::new().await;
    if scene.db.dialect() == crate::database::Dialect::Sqlite {
        return;
    }
    // The first one is written step by step, the second one as a message.
    for _ in 0..2 {
        let ticket = scene.ledger.hold(scene.order("3", "10")).await.unwrap();
        scene.ledger.settle(ticket, cost("1")).await.unwrap().durable().await.unwrap();
    }
    let ticket = scene.ledger.hold(scene.order("3", "10")).await.unwrap();
    // This process does not know yet: it was frozen.
    end_leases(&scene.db).await;
    for _ in 0..2 {
        let told = scene.ledger.hold(scene.order("3", "10")).await.unwrap_err();
        assert!(matches!(&told, NotHeld::Unavailable { .. }), "{told:?}");
        scene.ledger.inner.outage.over();
    }
    assert_eq!(scene.month().await.held, m("3"), "only what was held before");
    // What was used under it is owed all the same.
    scene.ledger.settle(ticket, cost("1")).await.unwrap().durable().await.unwrap();
    assert_eq!(scene.month().await, Account { spent: m("3"), ..Account::default() });
    scene.is_clean().await;
}

#[tokio::test]
async fn nothing_is_sent_on_what_is_held_under_a_lease_of_before() {
    let scene = Scene::new().await;
    let ticket = scene.ledger.hold(scene.order("3", "10")).await.unwrap();
    let more = scene.ledger.extend(&ticket, m("1")).await.unwrap();
    let counted = scene.ledger.count(scene.order("3", "10"));
    assert!([&ticket, &more, &counted].iter().all(|ticket| scene.ledger.stands_for(ticket)));
    let scene = scene.restart().await;
    assert!(!scene.ledger.stands_for(&ticket) && !scene.ledger.stands_for(&more));
    assert!(scene.ledger.stands_for(&counted), "nothing of it can be swept");
}
