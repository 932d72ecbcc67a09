//! Rotation: the id stays, the old text ends when it was said to.

use bastion_types::{ApiKey, KeyProblem, Span};

use super::Plane;

fn path(id: &str) -> String {
    format!("/admin/v1/keys/{id}/rotate")
}

#[tokio::test]
async fn a_wrong_rotation_is_refused_with_the_mend() {
    let plane = Plane::open().await;
    let (id, _) = plane.key().await;
    for (body, param, part) in [
        (r#"{"overlap":"24h","now":true}"#, "now", "exclude each other"),
        (r#"{"overlap":"24h","now":false}"#, "now", "exclude each other"),
        (r#"{"now":false}"#, "now", "is true, or left out"),
        (r#"{"now":"true"}"#, "now", "is true, or left out"),
        (r#"{"overlap":"24"}"#, "overlap", "such as \"24h\""),
        (r#"{"overlap":24}"#, "overlap", "is a text"),
        (r#"{"overlp":"24h"}"#, "overlp", "did you mean one of overlap, now?"),
    ] {
        plane.post(&path(&id), body).await.refused(400, "invalid_request", Some(param), part);
    }
    let record = plane.get(&format!("/admin/v1/keys/{id}")).await.json(200);
    assert_eq!(record["secrets"].as_array().unwrap().len(), 1, "nothing was rotated");
    let got = plane.post(&path("000000000001"), "").await;
    got.refused(404, "not_found", None, "there is no key");
    plane.post(&path("x"), "").await.refused(404, "not_found", None, "there is no such key");
}

#[tokio::test]
async fn a_key_that_opens_nothing_is_not_rotated() {
    let plane = Plane::open().await;
    let (id, _) = plane.key().await;
    for _ in 0..3 {
        plane.post(&path(&id), "").await.json(200);
    }
    plane.post(&path(&id), "").await.refused(409, "conflict", None, "4 live secrets");
    plane.post(&format!("/admin/v1/keys/{id}/revoke"), "").await.json(200);
    plane.post(&path(&id), "").await.refused(409, "conflict", None, "is revoked");
    let body = r#"{"environment":"dev","service":"api","expires_in":"1h"}"#;
    let made = plane.post("/admin/v1/keys", body).await.json(201);
    plane.clock.advance(Span::from_secs(3600));
    let got = plane.post(&path(made["id"].as_str().unwrap()), "").await;
    got.refused(409, "conflict", None, "has expired");
}

#[tokio::test]
async fn the_old_text_goes_on_for_the_overlap_and_no_longer() {
    let plane = Plane::open().await;
    let (id, old) = plane.key().await;
    let (old, day) = (ApiKey::parse(&old).unwrap(), Span::from_secs(24 * 60 * 60));
    let rotated = plane.post(&path(&id), "").await.json(200);
    let names: Vec<_> = rotated.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names.last(), Some(&"old_secrets_end_at"));
    assert_eq!(rotated["id"], id.as_str());
    assert_eq!(rotated["old_secrets_end_at"], "2026-11-24T12:00:00.000Z", "24 h by default");
    let new = ApiKey::parse(rotated["api_key"].as_str().unwrap()).unwrap();
    let opens = |key: &ApiKey| plane.store.keys().authenticate(key, plane.clock_now()).map(drop);
    assert_eq!((opens(&old), opens(&new)), (Ok(()), Ok(())));
    plane.clock.advance(day);
    assert_eq!((opens(&old), opens(&new)), (Err(KeyProblem::Revoked), Ok(())));

    let rotated = plane.post(&path(&id), r#"{"overlap":"30m","now":null}"#).await.json(200);
    assert_eq!(rotated["old_secrets_end_at"], "2026-11-24T12:30:00.000Z");
    let rotated = plane.post(&path(&id), r#"{"now":true}"#).await.json(200);
    assert_eq!(rotated["old_secrets_end_at"], "2026-11-24T12:00:00.000Z");
    assert_eq!(opens(&new), Err(KeyProblem::Revoked));
}
