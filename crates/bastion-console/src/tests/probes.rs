//! What monitoring reads.

use bastion_observe::{Check, Part, Standing};
use http::{Method, Request};
use serde_json::json;

use super::{Got, Plane};

impl Plane {
    async fn probe(&self, method: Method, path: &str) -> Got {
        let request = Request::builder().method(method).uri(path);
        self.send(request.body(axum::body::Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn readiness_names_what_fails_and_why() {
    let plane = Plane::open().await;
    let checks = [Check::Listeners, Check::Store, Check::Credentials, Check::Serving];
    assert_eq!(plane.probe(Method::GET, "/readyz").await.status, 503, "not begun");
    for check in checks {
        plane.readiness.set(check, Standing::Stands);
    }
    plane.readiness.set(Check::Store, Standing::Fails("the disk is full".to_owned()));
    let got = plane.probe(Method::GET, "/readyz").await.json(503);
    let failing = json!([{ "check": "store", "why": "the disk is full" }]);
    assert_eq!(got, json!({ "ready": false, "failing": failing, "degraded": [] }));
    plane.readiness.set(Check::Store, Standing::Stands);
    let got = plane.probe(Method::GET, "/readyz").await.json(200);
    assert_eq!(got, json!({ "ready": true, "failing": [], "degraded": [] }));
    plane.readiness.set_part(Part::Limits, Some("Redis is lost".to_owned()));
    let got = plane.probe(Method::GET, "/readyz").await.json(200);
    let degraded = json!([{ "part": "limits", "why": "Redis is lost" }]);
    assert_eq!(got, json!({ "ready": true, "failing": [], "degraded": degraded }));
}

#[tokio::test]
async fn health_is_one_word_and_asks_nothing() {
    let plane = Plane::open().await;
    plane.store.close().await;
    let got = plane.probe(Method::GET, "/healthz?probe=1").await;
    assert_eq!((got.status.as_u16(), got.text.as_str()), (200, "ok"));
    let got = plane.probe(Method::HEAD, "/healthz").await;
    assert_eq!((got.status.as_u16(), got.text.as_str()), (200, ""));
}

#[tokio::test]
async fn metrics_are_what_prometheus_reads() {
    let plane = Plane::open().await;
    let got = plane.probe(Method::GET, "/metrics").await;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert_eq!(got.headers["content-type"], content_type);
    assert!(got.text.contains("bastion_build_info{version=\"1.2.3\"} 1"), "{}", got.text);
    assert!(got.text.ends_with("# EOF\n"));
}
