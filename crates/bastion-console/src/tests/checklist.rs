//! The launch gate as programs ask for it.

use serde_json::Value;

use super::Plane;

fn ids(report: &Value) -> Vec<String> {
    let boxes = report["boxes"].as_array().unwrap();
    boxes.iter().map(|told| told["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn nothing_is_proved_where_nothing_was_done() {
    let plane = Plane::open().await;
    let report = plane.get("/admin/v1/checklist?env=prod").await.json(200);
    assert_eq!((&report["ready"], &report["environment"]), (&false.into(), &"prod".into()));
    assert_eq!(ids(&report).len(), 26);
    for told in report["boxes"].as_array().unwrap() {
        assert_eq!(told["verdict"], "fail", "{told}");
    }
    let unnamed = plane.get("/admin/v1/checklist").await.json(200);
    assert_eq!(unnamed["environment"], "prod");
}

#[tokio::test]
async fn boxes_are_asked_for_by_their_ids() {
    let plane = Plane::open().await;
    let report = plane.get("/admin/v1/checklist?env=dev&box=privacy.pii,reliability.retry").await;
    assert_eq!(ids(&report.json(200)), ["reliability.retry", "privacy.pii"]);
    let wrong = plane.get("/admin/v1/checklist?box=privacy.pi").await;
    wrong.refused(400, "invalid_request", Some("box"), "the id of a box");
    let wrong = plane.get("/admin/v1/checklist?env=production").await;
    wrong.refused(400, "invalid_request", Some("env"), "there are dev, prod");
}
