//! Drills as programs ask for them.

use serde_json::json;

use super::Plane;

const RETRY: &str = r#"{"drill":"retry","environment":"prod"}"#;

#[tokio::test]
async fn one_drill_runs_at_a_time_and_the_second_is_told_who_does() {
    let plane = Plane::open().await;
    let list = plane.get("/admin/v1/drills").await.json(200);
    assert_eq!(
        (&list["data"][0]["box"], &list["running"]),
        (&json!("reliability.retry"), &json!(null))
    );
    let run = plane.post("/admin/v1/drills", RETRY).await.json(202);
    assert_eq!((&run["outcome"], &run["progress"]), (&json!("running"), &json!("call 1 of 2")));
    let second = plane.post("/admin/v1/drills", RETRY).await;
    second.refused(409, "conflict", None, "the drill 'retry' runs already for prod");
    let id = run["id"].as_str().unwrap();
    let path = format!("/admin/v1/drills/runs/{id}");
    assert_eq!(plane.get(&path).await.json(200)["outcome"], "running");
    plane.post(&format!("{path}/stop"), "{}").await.json(200);
    let again = plane.post(&format!("{path}/stop"), "{}").await;
    again.refused(409, "conflict", None, "another process runs this drill");
}

#[tokio::test]
async fn a_run_behind_its_time_is_interrupted() {
    let plane = Plane::open().await;
    let run = plane.post("/admin/v1/drills", RETRY).await.json(202);
    plane.clock.advance(bastion_types::Span::from_secs(61));
    let path = format!("/admin/v1/drills/runs/{}", run["id"].as_str().unwrap());
    let ended = plane.get(&path).await.json(200);
    assert_eq!(ended["outcome"], "interrupted");
    let page = plane.get("/admin/v1/drills/runs?drill=retry&env=prod&limit=1").await.json(200);
    assert_eq!((&page["data"][0]["id"], &page["next"]), (&run["id"], &json!(null)));
}

#[tokio::test]
async fn a_drill_that_cannot_be_started_is_told_why() {
    let plane = Plane::open().await;
    let check = async |body: &str, field: &str, part: &str| {
        let got = plane.post("/admin/v1/drills", body).await;
        got.refused(400, "invalid_request", Some(field), part);
    };
    check(r#"{"environment":"prod"}"#, "drill", "is missing").await;
    check(r#"{"drill":"retry"}"#, "environment", "is missing").await;
    check(r#"{"drill":"rety","environment":"prod"}"#, "drill", "there are retry").await;
    check(r#"{"drill":"retry","environment":"qa"}"#, "environment", "no environment of").await;
    check(r#"{"drill":"retry","environment":"prod","attended":1}"#, "attended", "true or false")
        .await;
    let none = plane.get("/admin/v1/drills/runs/run_000000000000000000000000").await;
    none.refused(404, "not_found", None, "no such run");
}
