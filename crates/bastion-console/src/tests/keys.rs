//! Keys: made, listed, shown, revoked.

use bastion_store::RevokedKeys;
use bastion_types::{ApiKey, Span};
use serde_json::{Value, json};

use super::Plane;

const KEYS: &str = "/admin/v1/keys";
const NOBODY: &str = "000000000001";

async fn refuse(body: &str, param: Option<&str>, part: &str) {
    let plane = Plane::open().await;
    let got = plane.post(KEYS, body).await;
    got.refused(400, "invalid_request", param, part);
    let filter = bastion_store::KeyFilter {
        include_revoked: RevokedKeys::Shown,
        ..bastion_store::KeyFilter::default()
    };
    let page = bastion_store::Page { after: None, limit: 1 };
    assert!(plane.store.keys().list(filter, page).data.is_empty(), "nothing half-made");
}

#[tokio::test]
async fn a_wrong_new_key_is_refused_with_the_mend() {
    let with = |field: &str| format!(r#"{{"environment":"prod","service":"api",{field}}}"#);
    refuse("{}", Some("service"), "missing").await;
    refuse(r#"{"service":"api"}"#, Some("environment"), "missing").await;
    let unknown = r#"{"environment":"staging","service":"api"}"#;
    refuse(unknown, Some("environment"), "none of this deployment's: dev, prod").await;
    refuse(r#"{"environment":"prod","service":"a b"}"#, Some("service"), "1 to 63 letters").await;
    refuse(r#"{"environment":"prod","service":7}"#, Some("service"), "is a text").await;
    refuse(&with(r#""cap":"20/day""#), Some("cap"), "daily_cap").await;
    for wrong in [r#""-5""#, r#""5/day""#, r#""1e3""#, r#""""#, r#""0.0000000001""#] {
        for name in ["monthly_cap", "daily_cap"] {
            let body = with(&format!(r#""{name}":{wrong}"#));
            refuse(&body, Some(name), "an amount as a decimal text").await;
        }
    }
    refuse(&with(r#""daily_cap":5"#), Some("daily_cap"), "is a text").await;
    for wrong in [r#""chat""#, r#"["chat",1]"#, r#"{"a":1}"#] {
        let body = with(&format!(r#""surfaces":{wrong}"#));
        refuse(&body, Some("surfaces"), "is a list of at most 16 names").await;
    }
    refuse(
        &with(r#""surfaces":["chatt"]"#),
        Some("surfaces"),
        "none of this deployment's: chat, search",
    )
    .await;
    refuse(&with(r#""enforce":"off""#), Some("enforce"), "\"on\" or \"observe\"").await;
    let slip = "'expires'; did you mean one of environment, service, expires_in, rpm, tpm, conc";
    refuse(&with(r#""expires":"90d""#), Some("expires"), slip).await;
    for wrong in ["90", "90y", "0d", "-1d", "", "3661d", "٣d"] {
        let field = format!(r#""expires_in":"{wrong}""#);
        refuse(&with(&field), Some("expires_in"), "such as \"24h\"").await;
    }
    refuse(&with(r#""expires_in":90"#), Some("expires_in"), "is a text").await;
    refuse(&with(r#""rpm":0"#), Some("rpm"), "from 1 to 4294967295").await;
    refuse(&with(r#""rpm":4294967296"#), Some("rpm"), "from 1 to 4294967295").await;
    refuse(&with(r#""tpm":"5""#), Some("tpm"), "without quotation marks").await;
    refuse(&with(r#""tpm":9007199254740992"#), Some("tpm"), "to 9007199254740991").await;
    refuse(&with(r#""concurrency":1.5"#), Some("concurrency"), "a whole number").await;
    refuse(&with(r#""rpm":1,"rpm":2"#), Some("rpm"), "stands twice").await;
}

#[tokio::test]
async fn a_new_key_is_shown_once_and_opens_calls() {
    let plane = Plane::open().await;
    let body = json!({
        "environment": "prod", "service": "api-worker", "expires_in": "90d",
        "rpm": 60, "tpm": 100_000, "concurrency": null,
        "surfaces": ["search", "chat", "search"], "enforce": "observe",
        "monthly_cap": "300", "daily_cap": null,
    });
    let made = plane.post(KEYS, &body.to_string()).await.json(201);
    let names: Vec<_> = made.as_object().unwrap().keys().collect();
    assert_eq!(
        names,
        ["id", "environment", "service", "api_key", "created_at", "expires_at"],
        "as 'keys create --json' prints it"
    );
    assert_eq!(made["created_at"], "2026-11-23T12:00:00.000Z");
    assert_eq!(made["expires_at"], "2027-02-21T12:00:00.000Z");
    let text = made["api_key"].as_str().unwrap();
    let key = ApiKey::parse(text).unwrap();
    plane.store.keys().authenticate(&key, plane.clock_now()).unwrap();

    let path = format!("{KEYS}/{}", made["id"].as_str().unwrap());
    let shown = plane.get(&path).await;
    let record = shown.json(200);
    assert_eq!((&record["status"], &record["last_used_at"]), (&json!("live"), &made["created_at"]));
    assert_eq!((&record["rpm"], &record["concurrency"]), (&json!(60), &Value::Null));
    assert_eq!(
        (&record["surfaces"], &record["enforce"]),
        (&json!(["search", "chat"]), &json!("observe"))
    );
    assert_eq!((&record["monthly_cap"], &record["daily_cap"]), (&json!("300.00"), &Value::Null));
    let secret = json!([{ "created_at": made["created_at"], "ends_at": null }]);
    assert_eq!(record["secrets"], secret);
    let revoke = plane.post(&format!("{path}/revoke"), "").await;
    for answer in [shown, plane.get(&format!("{KEYS}?revoked=true")).await, revoke] {
        assert_eq!(answer.status, 200);
        let secret = text.rsplit('_').next().unwrap();
        assert!(!answer.text.contains("bst_") && !answer.text.contains(secret), "{}", answer.text);
    }
}

#[tokio::test]
async fn nobody_can_be_shown_or_revoked() {
    let plane = Plane::open().await;
    for id in [NOBODY, "x", "%FF", "..", "00000000000%2F", "bst_prod_x"] {
        plane.get(&format!("{KEYS}/{id}")).await.refused(404, "not_found", None, "no such key");
        let got = plane.post(&format!("{KEYS}/{id}/revoke"), "{}").await;
        got.refused(404, "not_found", None, "there is no");
    }
    let got = plane.get(&format!("{KEYS}/{NOBODY}?full=1")).await;
    got.refused(400, "invalid_request", Some("full"), "leave it out");
    let (id, _) = plane.key().await;
    let got = plane.post(&format!("{KEYS}/{id}/revoke"), r#"{"now":true}"#).await;
    got.refused(400, "invalid_request", Some("now"), "leave it out");
    assert_eq!(plane.get(&format!("{KEYS}/{id}")).await.json(200)["status"], "live");
}

#[tokio::test]
async fn revoking_again_keeps_the_first_time() {
    let plane = Plane::open().await;
    let (id, text) = plane.key().await;
    let path = format!("{KEYS}/{id}/revoke");
    let first = plane.post(&path, "").await.json(200);
    assert_eq!((&first["status"], &first["revoked_at"]), (&json!("revoked"), &first["created_at"]));
    plane.clock.advance(Span::from_secs(60));
    assert_eq!(plane.post(&path, "{}").await.json(200), first);
    let key = ApiKey::parse(&text).unwrap();
    assert!(plane.store.keys().authenticate(&key, plane.clock_now()).is_err());
}

#[tokio::test]
async fn a_key_whose_time_is_over_says_so() {
    let plane = Plane::open().await;
    let body = r#"{"environment":"dev","service":"api","expires_in":"1h"}"#;
    let id = plane.post(KEYS, body).await.json(201)["id"].take();
    let path = format!("{KEYS}/{}", id.as_str().unwrap());
    plane.clock.advance(Span::from_secs(3599));
    assert_eq!(plane.get(&path).await.json(200)["status"], "live");
    plane.clock.advance(Span::from_secs(1));
    assert_eq!(plane.get(&path).await.json(200)["status"], "expired");
}

#[tokio::test]
async fn a_wrong_parameter_is_refused_with_the_mend() {
    let plane = Plane::open().await;
    for (query, param, part) in [
        ("env=prod", "env", "did you mean one of environment, service"),
        ("environment=", "environment", "1 to 31 small letters"),
        ("service=a%20b", "service", "1 to 63 letters"),
        ("revoked=yes", "revoked", "true or false"),
        ("after=x", "after", "'next' of the page before"),
        ("limit=0", "limit", "from 1 to 200"),
        ("limit=201", "limit", "from 1 to 200"),
        ("limit=5&limit=5", "limit", "twice"),
    ] {
        let got = plane.get(&format!("{KEYS}?{query}")).await;
        got.refused(400, "invalid_request", Some(param), part);
    }
}

#[tokio::test]
async fn keys_are_listed_by_pages_and_filters() {
    let plane = Plane::open().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(plane.key().await.0);
        plane.clock.advance(Span::from_secs(1));
    }
    let other = r#"{"environment":"dev","service":"batch"}"#;
    let dev = plane.post(KEYS, other).await.json(201)["id"].as_str().unwrap().to_owned();
    let list = async |query: &str| {
        let page = plane.get(&format!("{KEYS}?{query}")).await.json(200);
        let ids = page["data"].as_array().unwrap().iter();
        let ids: Vec<_> = ids.map(|key| key["id"].as_str().unwrap().to_owned()).collect();
        (ids, page["next"].as_str().map(str::to_owned))
    };
    let first = list("limit=2").await;
    assert_eq!(first, (ids[..2].to_vec(), Some(ids[1].clone())));
    let after = format!("limit=2&after={}", ids[1]);
    assert_eq!(list(&after).await, (vec![ids[2].clone(), dev.clone()], None));
    assert_eq!(list("environment=dev").await, (vec![dev.clone()], None));
    assert_eq!(list("service=batch&environment=prod").await, (vec![], None));
    assert_eq!(list(&format!("after={NOBODY}")).await, (vec![], None));
    plane.post(&format!("{KEYS}/{dev}/revoke"), "").await.json(200);
    assert_eq!(list("").await.0, ids);
    assert_eq!(list("revoked=false").await.0, ids);
    assert_eq!(list("revoked=true").await.0.len(), 4);
}

#[tokio::test]
async fn a_store_that_fails_says_so_in_the_log_only() {
    let plane = Plane::open().await;
    let (id, _) = plane.key().await;
    plane.store.close().await;
    for (path, body) in [
        (KEYS.to_owned(), r#"{"environment":"prod","service":"api"}"#),
        (format!("{KEYS}/{id}/revoke"), ""),
        (format!("{KEYS}/{id}/rotate"), ""),
    ] {
        let got = plane.post(&path, body).await;
        got.refused(503, "service_unavailable", None, "the log says why");
        assert_eq!(got.headers["retry-after"], "5");
        assert!(!got.text.contains("closed"), "{}", got.text);
    }
}
