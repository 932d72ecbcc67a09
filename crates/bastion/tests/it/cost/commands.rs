//! The commands of money, and what they refuse.
//!
//! It must never take a slip for an amount.

use serde_json::Value;

use super::{Till, UNIT, nanos};
use crate::client::{CHAT, Client};

#[tokio::test]
async fn a_balance_is_topped_up_once_and_refuses_when_it_is_empty() {
    let till = Till::set();
    assert_eq!(till.client().chat(CHAT).await.status, 200, "nothing limits it yet");
    till.is_clean_with(1).await;
    let top_up = |amount: &str, reference: &str| {
        till.bastion.command(&["balance", "top-up", amount, "--reference", reference])
    };
    assert_eq!(top_up("0.00001", "r1").status.code(), Some(0));
    let again = top_up("0.00001", "r1");
    assert_eq!(again.status.code(), Some(0), "the same again");
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(told.contains("'r1' was paid in before; nothing is added"), "{told}");
    let other = top_up("5", "r1");
    assert_eq!(other.status.code(), Some(1), "another amount under the same reference");
    let told = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(told.contains("r1") && told.contains("another reference"), "{told}");
    let balance = till.told(&["balance", "show"]);
    assert_eq!(nanos(&balance["balance"]), UNIT / 100_000, "{balance}");
    let answer = till.client().chat(CHAT).await;
    assert_eq!(answer.refusal(), (402, "insufficient_funds".to_owned()), "{}", answer.text());
    assert_eq!(answer.header("x-should-retry"), "false");
    assert_eq!(top_up("50", "r2").status.code(), Some(0));
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    till.is_clean_with(4).await;
    let balance = till.told(&["balance", "show"]);
    assert!(nanos(&balance["balance"]) < 50 * UNIT + UNIT / 100_000, "{balance}");
    assert_eq!(balance["held"], "0.00");
}

#[tokio::test]
async fn who_sets_a_limit_is_told_whose_calls_it_refuses() {
    let till = Till::set();
    let renamed = CHAT.replace("gpt-oss-20b", "renamed");
    let refuses = |limit: &str| format!("{limit} refuses calls of models without a price (402");
    assert_eq!(till.client().chat(&renamed).await.status, 200, "nothing limits it yet");
    let set = till.bastion.command(&["cap", "set", "--env", "dev", "5.00"]);
    let told = String::from_utf8_lossy(&set.stderr).into_owned();
    assert!(told.contains(&refuses("the cap")) && told.contains(": renamed. Give"), "{told}");
    assert_eq!(till.client().chat(&renamed).await.refusal().0, 402);
    let removed = till.bastion.command(&["cap", "set", "--env", "dev", "--remove"]);
    assert!(removed.stderr.is_empty(), "{removed:?}");
    assert_eq!(till.client().chat(&renamed).await.status, 200);
    let top_up = ["balance", "top-up", "5", "--reference", "r"];
    let told = till.told(&top_up);
    assert_eq!(told["refused_models"], serde_json::json!(["renamed"]), "{told}");
    assert_eq!(till.client().chat(&renamed).await.refusal().0, 402);
    let again = till.bastion.command(&top_up);
    let told = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(told.contains(&refuses("the prepaid balance")), "{told}");
}

#[tokio::test]
async fn amounts_that_are_none_are_refused_and_change_nothing() {
    let till = Till::set();
    for wrong in ["-5", "1e3", "0x10", "", "1,50", "99999999999999999999", "0.0000000001", "$5"] {
        let amount = format!("--amount={wrong}");
        let cap = till.bastion.command(&["cap", "set", "--env", "dev", "--", wrong]);
        assert_ne!(cap.status.code(), Some(0), "{wrong}");
        let reason = ["--env", "dev", "--reason", "x", "--reference", "r"];
        let adjust = [&["ledger", "adjust", &amount][..], &reason].concat();
        if wrong != "-5" {
            assert_ne!(till.bastion.command(&adjust).status.code(), Some(0), "{wrong}");
        }
    }
    for wrong in ["0", "-5", "1e3", ""] {
        let line = ["balance", "top-up", "--reference", "r", "--", wrong];
        assert_ne!(till.bastion.command(&line).status.code(), Some(0), "{wrong}");
    }
    let unknown = till.bastion.command(&["cap", "set", "--env", "nowhere", "5"]);
    assert_eq!(unknown.status.code(), Some(1));
    let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(told.contains("dev, prod, quebec"), "{told}");
    let operators = Client::with_text(till.bastion.operators, &till.bastion.token());
    let body = r#"{"amount":"5","reference":"r","currency":"USD"}"#;
    let answer = operators.post("/admin/v1/balance/top-ups", &[], body).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("CAD"), "{}", answer.text());
    till.is_clean_with(0).await;
}

#[tokio::test]
async fn an_amount_beyond_what_can_be_counted_is_refused_with_the_way_out() {
    let till = Till::set();
    let operators = Client::with_text(till.bastion.operators, &till.bastion.token());
    let top_up = async |reference: &str| {
        let body = format!(r#"{{"amount":"999999999","reference":"{reference}"}}"#);
        operators.post("/admin/v1/balance/top-ups", &[], body).await
    };
    // Each is an amount that is taken; ten of them are more than can be counted.
    for number in 1..10 {
        assert_eq!(top_up(&format!("r{number}")).await.status, 201);
    }
    let answer = top_up("r10").await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert!(answer.text().contains("\"conflict\""), "{}", answer.text());
    let beyond = ["balance", "top-up", "999999999", "--reference", "r10"];
    let beyond = till.bastion.command(&beyond);
    assert_eq!(beyond.status.code(), Some(1), "{beyond:?}");
    let told = String::from_utf8_lossy(&beyond.stderr).into_owned();
    assert!(told.contains("give a smaller amount"), "{told}");
    till.is_clean_with(9).await;
}

#[tokio::test]
async fn a_cap_below_what_is_spent_loads_and_refuses() {
    let till = Till::set();
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    till.is_clean_with(1).await;
    let cap = till.cap("0");
    assert_eq!((&cap["cap"], &cap["free"]), (&"0.00".into(), &"0.00".into()), "{cap}");
    assert_eq!(till.client().chat(CHAT).await.status, 402);
    let removed = till.told(&["cap", "set", "--env", "dev", "--remove"]);
    assert_eq!(removed["cap"], Value::Null, "{removed}");
    assert_eq!(till.client().chat(CHAT).await.status, 200);
    till.is_clean_with(2).await;
}

#[tokio::test]
async fn a_correction_is_shown_and_the_ledger_stays_sound() {
    let till = Till::set();
    let answer = till.client().chat(CHAT).await;
    let id = answer.header("x-request-id").to_owned();
    till.is_clean_with(1).await;
    let spent = nanos(&till.shown()["spent"]);
    let adjust = |amount: &str, reference: &str| {
        till.bastion.command(&[
            "ledger",
            "adjust",
            "--call",
            &id,
            amount,
            "--reason",
            "never answered",
            "--reference",
            reference,
        ])
    };
    for expect in ["put right by -0.000001: never answered", "'t1' was put right before"] {
        let done = adjust("--amount=-0.000001", "t1");
        assert_eq!(done.status.code(), Some(0));
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(told.contains(expect), "{told}");
    }
    let more = adjust("--amount=-5", "t2");
    assert_eq!(more.status.code(), Some(1), "no more than it cost");
    let environment = ["--env", "dev", "--reason", "x", "--reference", "t3"];
    let more = [&["ledger", "adjust", "--amount=-5"][..], &environment].concat();
    let more = till.bastion.command(&more);
    let told = String::from_utf8_lossy(&more.stderr).into_owned();
    assert_eq!(more.status.code(), Some(1), "{told}");
    assert!(told.contains("no more than that can be given back"), "{told}");
    assert_eq!(nanos(&till.shown()["spent"]), spent - 1000);
    till.is_clean_with(2).await;
    let csv = till.bastion.command(&["spend", "--by", "env", "--format", "csv"]);
    let csv = String::from_utf8(csv.stdout).unwrap();
    assert!(csv.starts_with("name,amount,calls,"), "{csv}");
    assert!(csv.lines().any(|line| line.starts_with("dev,0.0000")), "{csv}");
    let verified = till.bastion.command(&["ledger", "verify"]);
    assert_eq!(verified.status.code(), Some(0));
    // The ledger's own figures are a bill that agrees; one with another line does not.
    let bill = till.bastion.folder().join("bill.csv");
    let reconciled =
        || till.bastion.command(&["spend", "reconcile", bill.to_str().unwrap(), "--by", "env"]);
    std::fs::write(&bill, &csv).unwrap();
    let agrees = reconciled();
    assert_eq!(agrees.status.code(), Some(0), "{}", String::from_utf8_lossy(&agrees.stderr));
    std::fs::write(&bill, format!("{csv}\nelsewhere,1.00,1,1,1,0\n")).unwrap();
    let differs = reconciled();
    assert_eq!(differs.status.code(), Some(1));
    let told = String::from_utf8_lossy(&differs.stdout).into_owned();
    assert!(told.contains("elsewhere") && told.contains("1 of 2 lines are more"), "{told}");
    std::fs::write(&bill, "").unwrap();
    assert_eq!(reconciled().status.code(), Some(2));
}
