//! A limit that may have been written and cannot be looked for.
//!
//! It must never leave a table under another name.

use super::*;
use crate::statement::{Cached, made_statement};

/// Is something set aside for a call that no limit of its own is given for?
async fn holds(scene: &Scene) -> bool {
    let order = HoldOrder { caps: Vec::new(), ..scene.order("1", "1") };
    let ticket = scene.ledger.hold(order).await.unwrap();
    let is_held = ticket.is_held();
    scene.ledger.release(ticket).await.unwrap();
    is_held
}

async fn rename(scene: &Scene, from: &str, to: &str) {
    let text = format!("ALTER TABLE {from} RENAME TO {to}");
    scene.db.run(made_statement(text, Cached::No)).await.unwrap();
}

#[tokio::test]
async fn a_cap_whose_writing_failed_limits_until_it_is_known() {
    let scene = Scene::new().await;
    assert!(!holds(&scene).await, "nothing limits calls");
    rename(&scene, "ledger_caps", "away").await;
    scene.ledger.set_cap(&prod(), Length::Day, m("5")).await.unwrap_err();
    scene.ledger.look_again().await.unwrap_err();
    assert!(scene.ledger.limits(&HoldOrder { caps: Vec::new(), ..scene.order("1", "1") }));
    rename(&scene, "away", "ledger_caps").await;
    assert!(scene.ledger.limits(&HoldOrder { caps: Vec::new(), ..scene.order("1", "1") }));
    scene.ledger.look_again().await.unwrap();
    assert!(!holds(&scene).await, "it was not written");
    scene.is_clean().await;
}

#[tokio::test]
async fn a_cap_that_was_written_and_not_looked_for_limits() {
    let scene = Scene::new().await;
    rename(&scene, "ledger_accounts", "away").await;
    scene.ledger.set_cap(&prod(), Length::Day, m("5")).await.unwrap_err();
    rename(&scene, "away", "ledger_accounts").await;
    assert!(holds(&scene).await, "it is written, and nobody has looked");
    scene.ledger.look_again().await.unwrap();
    assert!(holds(&scene).await, "it is there");
    assert!(scene.ledger.remove_cap(&prod(), Length::Day).await.unwrap());
    assert!(!holds(&scene).await);
    scene.is_clean().await;
}

#[tokio::test]
async fn a_look_that_fails_by_itself_raises_no_doubt() {
    let scene = Scene::new().await;
    rename(&scene, "ledger_caps", "away").await;
    scene.ledger.look_again().await.unwrap_err();
    rename(&scene, "away", "ledger_caps").await;
    assert!(!holds(&scene).await, "nobody has changed anything");
}
