//! Recorded calls: listed, filtered, shown.

use std::borrow::Cow;

use bastion_types::{
    AttemptCount, CallRecord, Clock, EnvironmentName, KeyId, ModelName, Region, RequestId,
    ServiceName, Span, StreamOutcome, UpstreamName, Usage,
};
use serde_json::json;

use super::Plane;

const CALLS: &str = "/admin/v1/calls";

impl Plane {
    /// Records a call of `environment` that ended with `status`; its id.
    async fn record(&self, environment: &str, status: u16) -> String {
        self.clock.advance(Span::from_millis(1));
        let call = CallRecord {
            id: RequestId::generate(self.clock.now()).unwrap(),
            at: self.clock.now(),
            environment: EnvironmentName::parse(environment).unwrap(),
            service: ServiceName::parse("api").unwrap(),
            key_id: KeyId::parse("000000000001").unwrap(),
            surface: None,
            endpoint: Cow::Borrowed("chat_completions"),
            model: Some(ModelName::parse("gpt-oss-20b").unwrap()),
            upstream: Some(UpstreamName::parse("bastion").unwrap()),
            region: Some(Region::parse("CA").unwrap()),
            status,
            code: (status >= 400).then_some(Cow::Borrowed("upstream_error")),
            attempts: AttemptCount(1),
            stream: StreamOutcome::Whole,
            usage: Usage { input_tokens: 7, output_tokens: 3, ..Usage::default() },
            cost: None,
            attempt_charges: Vec::new(),
            latency_ms: 12,
            first_event_ms: Some(5),
            user: None,
            ended_empty: false,
            observed: None,
        };
        self.store.calls().append(std::slice::from_ref(&call)).await.unwrap();
        call.id.to_string()
    }

    async fn listed(&self, query: &str) -> (Vec<String>, Option<String>) {
        let page = self.get(&format!("{CALLS}?{query}")).await.json(200);
        let calls = page["data"].as_array().unwrap().iter();
        let ids = calls.map(|call| call["id"].as_str().unwrap().to_owned()).collect();
        (ids, page["next"].as_str().map(str::to_owned))
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_refused_with_the_mend() {
    let plane = Plane::open().await;
    for (query, param, part) in [
        ("status=500", "status", "did you mean one of environment, key_id, status_at_least"),
        ("environment=Prod", "environment", "1 to 31 small letters"),
        ("key_id=x", "key_id", "12 letters"),
        ("status_at_least=99", "status_at_least", "100 to 599"),
        ("status_at_least=4xx", "status_at_least", "100 to 599"),
        ("before=req_x", "before", "'next' of the page before"),
        ("limit=1000", "limit", "from 1 to 200"),
    ] {
        let got = plane.get(&format!("{CALLS}?{query}")).await;
        got.refused(400, "invalid_request", Some(param), part);
    }
}

#[tokio::test]
async fn an_unknown_call_is_not_found() {
    let plane = Plane::open().await;
    for id in ["req_000000000000000000000000", "x", "%ff"] {
        let got = plane.get(&format!("{CALLS}/{id}")).await;
        got.refused(404, "not_found", None, "no such call");
    }
}

#[tokio::test]
async fn a_call_has_exactly_the_fields_of_the_interface() {
    let plane = Plane::open().await;
    let id = plane.record("prod", 200).await;
    let call = plane.get(&format!("{CALLS}/{id}")).await.json(200);
    let names: Vec<_> = call.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names.join(" "),
        "id at environment service key_id surface endpoint model upstream region status code \
         attempts stream usage cost attempt_charges latency_ms first_event_ms user ended_empty \
         observed"
    );
    let usage = json!({
        "input_tokens": 7, "cached_input_tokens": 0, "cache_write_tokens": 0, "output_tokens": 3,
        "reasoning_tokens": 0, "images": 0, "audio_ms": 0, "characters": 0, "stated_cost": null,
        "estimated": false,
    });
    assert_eq!((&call["usage"], &call["stream"]), (&usage, &json!("whole")));
    assert_eq!(plane.get(CALLS).await.json(200)["data"], json!([call]));
}

#[tokio::test]
async fn calls_are_listed_newest_first_by_pages_and_filters() {
    let plane = Plane::open().await;
    let first = plane.record("prod", 200).await;
    let failed = plane.record("prod", 502).await;
    let dev = plane.record("dev", 200).await;
    assert_eq!(
        plane.listed("limit=2").await,
        (vec![dev.clone(), failed.clone()], Some(failed.clone()))
    );
    let rest = (vec![first.clone()], None);
    assert_eq!(plane.listed(&format!("limit=2&before={failed}")).await, rest);
    assert_eq!(plane.listed(&format!("limit=1&before={failed}")).await, rest, "full, and the last");
    assert_eq!(plane.listed("environment=dev").await, (vec![dev], None));
    assert_eq!(plane.listed("status_at_least=500").await, (vec![failed], None));
    assert_eq!(plane.listed("key_id=000000000002").await, (vec![], None));
    assert_eq!(plane.listed("key_id=000000000001").await.0.len(), 3);
}

#[tokio::test]
async fn a_store_that_fails_says_so_in_the_log_only() {
    let plane = Plane::open().await;
    let id = plane.record("prod", 200).await;
    plane.store.close().await;
    for path in [CALLS.to_owned(), format!("{CALLS}/{id}")] {
        let got = plane.get(&path).await;
        got.refused(503, "service_unavailable", None, "the log says why");
        assert!(!got.text.contains("closed"), "{}", got.text);
    }
}
