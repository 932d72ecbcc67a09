//! Charges for which more was reported than was held.
//!
//! It must never call a charge of its whole hold one beyond it.

use super::*;

#[tokio::test]
async fn charges_at_their_holds_are_told_with_their_model() {
    let scene = Scene::new().await;
    let month = scene.payer().day.month();
    let settled = async |order: HoldOrder, cost: Cost| {
        let ticket = scene.ledger.hold(order).await.unwrap();
        scene.ledger.settle(ticket, cost).await.unwrap().durable().await.unwrap();
    };
    let labels = |model: &str| Labels {
        model: Some(bastion_types::ModelName::parse(model).unwrap()),
        ..Labels::default()
    };
    settled(scene.order("3", "10"), cost("3")).await;
    let told = scene.ledger.beyond_their_holds(&prod(), month).await.unwrap();
    assert_eq!(told.calls, 0, "all of a hold is not beyond it");
    let guessed = Cost { marks: Marks::ESTIMATED, labels: labels("c"), ..cost("1") };
    settled(scene.order("1", "10"), guessed).await;
    for model in ["a", "b", "b"] {
        settled(scene.order("1", "10"), Cost { labels: labels(model), ..cost("1.000000001") })
            .await;
    }
    let of = |model: &str, calls: u64| BeyondHold {
        model: Some(model.to_owned()),
        upstream: None,
        calls,
    };
    let told = scene.ledger.beyond_their_holds(&prod(), month).await.unwrap();
    assert_eq!(told, BeyondHolds { calls: 3, rows: vec![of("b", 2), of("a", 1)] });
    let dev = EnvironmentName::parse("dev").unwrap();
    assert_eq!(scene.ledger.beyond_their_holds(&dev, month).await.unwrap().calls, 0);
}

#[tokio::test]
async fn a_report_that_comes_late_counts_as_well() {
    let scene = Scene::new().await;
    let month = scene.payer().day.month();
    let order = || scene.order("3", "10");
    let (whole, more) = (order(), order());
    let whole = scene.ledger.hold(whole).await.unwrap();
    let more = scene.ledger.hold(more).await.unwrap();
    let scene = scene.restart().await;
    assert_eq!(scene.ledger.sweep(UnknownOutcome::Charge).await.unwrap(), 2);
    settled(&scene.ledger, whole, cost("3")).await;
    assert_eq!(scene.ledger.beyond_their_holds(&prod(), month).await.unwrap().calls, 0);
    settled(&scene.ledger, more, cost("3.000000001")).await;
    assert_eq!(scene.ledger.beyond_their_holds(&prod(), month).await.unwrap().calls, 1);
    assert_eq!(scene.month().await.spent, m("6"), "no more than was held");
    scene.is_clean().await;
}
