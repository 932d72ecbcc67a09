//! Caps: set in place of the configuration's, and taken away only by whoever says so.

use bastion_types::{Length, Money};
use http::StatusCode;
use serde_json::Value;

use super::Plane;

const CAP: &str = "/admin/v1/environments/prod/cap";

/// The cap that an operator set, if there is one.
async fn set(plane: &Plane) -> Option<(Length, Money)> {
    plane.store.ledger().set_caps().await.unwrap().first().map(|cap| (cap.length, cap.cap))
}

#[tokio::test]
async fn a_cap_is_taken_away_by_null_alone() {
    let plane = Plane::open().await;
    let told = plane.put(CAP, r#"{"cap":"20"}"#).await.json(StatusCode::OK);
    assert_eq!((&told["cap"], &told["source"]), (&"20.00".into(), &"operator".into()), "{told}");
    let twenty = Some((Length::Month, Money::parse("20").unwrap()));
    for without in ["", "{}", r#"{"period":"month"}"#, r#"{"period":null}"#] {
        let got = plane.put(CAP, without).await;
        got.refused(400, "invalid_request", Some("cap"), "goes back to the configuration's");
        assert_eq!(set(&plane).await, twenty, "{without:?}");
    }
    let told = plane.put(CAP, r#"{"cap":null}"#).await.json(StatusCode::OK);
    assert_eq!((&told["source"], set(&plane).await), (&"configuration".into(), None), "{told}");
}

#[tokio::test]
async fn a_wrong_cap_is_refused_and_changes_nothing() {
    let plane = Plane::open().await;
    for wrong in [r#"{"cap":"-1"}"#, r#"{"cap":"1e3"}"#, r#"{"cap":5}"#, r#"{"cap":""}"#] {
        let got = plane.put(CAP, wrong).await;
        got.refused(400, "invalid_request", Some("cap"), "");
    }
    let got = plane.put(CAP, r#"{"cap":"5","period":"year"}"#).await;
    got.refused(400, "invalid_request", Some("period"), "month or day");
    assert_eq!(set(&plane).await, None);
    let shown: Value = plane.get(CAP).await.json(StatusCode::OK);
    assert_eq!(shown["cap"], "500.00");
}
