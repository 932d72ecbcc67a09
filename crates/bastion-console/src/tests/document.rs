//! The OpenAPI document against what is served, and the effective configuration.

use std::collections::BTreeSet;

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};

use super::{Plane, conform, operator};
use crate::document::operations;
use crate::openapi;

const METHODS: [&str; 8] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD"];

/// Every path and method of the document.
fn described() -> BTreeSet<(String, String)> {
    let document = openapi();
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, operations)| {
        let methods = operations.as_object().unwrap().keys();
        methods.map(|method| (path.clone(), method.to_uppercase())).collect::<Vec<_>>()
    });
    operations.collect()
}

#[tokio::test]
async fn exactly_what_is_described_is_served() {
    let served = operations()
        .into_iter()
        .map(|(_, operation)| (operation.path.to_owned(), operation.method.to_uppercase()));
    assert_eq!(served.collect::<BTreeSet<_>>(), described());
    assert_eq!(described().len(), 26);

    let plane = Plane::open().await;
    let paths: BTreeSet<_> = described().into_iter().map(|(path, _)| path).collect();
    for path in paths {
        for method in METHODS {
            let is_described = described().contains(&(path.clone(), method.to_owned()))
                || method == "HEAD" && described().contains(&(path.clone(), "GET".to_owned()));
            let asked = operator(method.parse().unwrap(), &path.replace("{id}", "none"));
            let got = plane.send(asked.body(Body::empty()).unwrap()).await;
            assert_eq!(got.status != 405, is_described, "{method} {path}: {}", got.status);
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_nothing_lies_unused() {
    let document = openapi();
    let text = document.to_string();
    for kind in ["schemas", "responses", "headers"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            let reference = format!("\"#/components/{kind}/{name}\"");
            assert!(text.contains(&reference), "{reference} is unused");
        }
    }
    for part in text.split("\"$ref\":\"#").skip(1) {
        let pointer = part.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[test]
fn objects_are_closed_and_operations_are_named_once() {
    let document = openapi();
    let mut ids = BTreeSet::new();
    for operation in document["paths"].as_object().unwrap().values().flat_map(methods) {
        assert!(ids.insert(operation["operationId"].to_string()), "{operation}");
    }
    closed(&document["components"]["schemas"]);
}

fn methods(path: &Value) -> Vec<Value> {
    path.as_object().unwrap().values().cloned().collect()
}

/// Every object with properties says that there are no others.
fn closed(value: &Value) {
    if value.get("properties").is_some() {
        assert_eq!(value["additionalProperties"], false, "{value}");
    }
    let parts = value.as_object().map(|map| map.values().collect::<Vec<_>>());
    let parts = parts.or_else(|| value.as_array().map(|list| list.iter().collect()));
    parts.unwrap_or_default().into_iter().for_each(closed);
}

#[tokio::test]
async fn the_served_document_knows_the_names_of_its_deployment() {
    let plane = Plane::open().await;
    let mut served = plane.get("/admin/v1/openapi.json").await.json(200);
    assert_eq!(served["openapi"], "3.1.0");
    for (schema, rule, names) in [
        ("KnownEnvironment", "enum", json!(["dev", "prod"])),
        ("KnownDrill", "enum", json!(["retry"])),
        ("KnownCurrency", "enum", json!(["CAD"])),
        ("KnownSurface", "enum", json!(["chat", "search"])),
    ] {
        let known = served["components"]["schemas"][schema].as_object_mut().unwrap();
        assert_eq!(known.remove(rule), Some(names), "{schema}");
    }
    assert_eq!(served, openapi(), "and is the same otherwise");
    let got = plane.get("/admin/v1/openapi.json?v=3").await;
    got.refused(400, "invalid_request", Some("v"), "leave it out");
}

#[tokio::test]
async fn bodies_are_taken_as_the_document_describes_them() {
    let plane = Plane::open().await;
    let document = plane.get("/admin/v1/openapi.json").await.json(200);
    let check = async |path: &str, schema: &str, body: Value| {
        let schema = &document["components"]["schemas"][schema];
        let is_described = conform::fault(&document, schema, &body).is_none();
        let status = plane.post(path, &body.to_string()).await.status;
        assert_eq!(status != 400, is_described, "{path} {body}: {status}");
    };
    let spans =
        [json!("1s"), json!("9999h"), json!("10000h"), json!("3660d"), json!("x"), json!(1)];
    for value in spans.into_iter().chain([json!(null), json!(true), json!([]), json!({})]) {
        let (id, _) = plane.key().await;
        let rotate = format!("/admin/v1/keys/{id}/rotate");
        check(&rotate, "Rotation", json!({ "overlap": value })).await;
        check(&rotate, "Rotation", json!({ "now": value })).await;
        check(&rotate, "Rotation", json!({ "now": true, "overlap": value })).await;
        check(&rotate, "Rotation", json!({ "now": value, "overlap": "1h" })).await;
        for name in ["environment", "service", "expires_in", "rpm", "tpm", "concurrency", "x"] {
            let mut body = json!({ "environment": "prod", "service": "api" });
            body[name] = value.clone();
            check("/admin/v1/keys", "NewKey", body).await;
        }
        check(&format!("/admin/v1/keys/{id}/revoke"), "Nothing", value).await;
    }
}

#[tokio::test]
async fn money_is_taken_as_the_document_describes_it() {
    let plane = Plane::open().await;
    let document = plane.get("/admin/v1/openapi.json").await.json(200);
    let check = async |path: &str, (schema, body): (&str, Value)| {
        let schema = &document["components"]["schemas"][schema];
        let is_described = conform::fault(&document, schema, &body).is_none();
        let status = plane.post(path, &body.to_string()).await.status;
        assert_eq!(status != 400, is_described, "{path} {body}: {status}");
    };
    let amounts =
        ["1", "0", "0.00", "-0", "-1.5", "0.000000001", "999999999.99", "1000000000", "x"];
    let texts = ["", " ", "a b", "a", "a\nb", "CAD", "USD", "prod", "moon", "1.5", "\u{85}"];
    let long = ["x".repeat(128), "x".repeat(129), "ü".repeat(256), "ü".repeat(257)];
    let texts = amounts.into_iter().chain(texts).map(str::to_owned).chain(long);
    let values = [json!(null), json!(1), json!(true), json!([]), json!({})];
    for (number, value) in texts.map(Value::from).chain(values).enumerate() {
        for name in ["amount", "currency", "reference", "note", "x"] {
            let mut body = json!({ "amount": "1", "reference": format!("t/{number}/{name}") });
            body[name] = value.clone();
            check("/admin/v1/balance/top-ups", ("TopUp", body)).await;
        }
        for name in ["amount", "call", "environment", "reason", "reference", "x"] {
            let reference = format!("a/{number}/{name}");
            let mut body = json!({ "amount": "1", "reason": "price", "reference": reference });
            body["environment"] = ["prod"].iter().find(|_| name != "call").copied().into();
            body[name] = value.clone();
            check("/admin/v1/ledger/adjustments", ("Adjustment", body)).await;
        }
    }
}

#[tokio::test]
async fn the_configuration_shows_values_sources_and_references() {
    let plane = Plane::open().await;
    let got = plane.send(operator(Method::GET, "/admin/v1/config").body(Body::empty()).unwrap());
    let settings = json!([
        { "key": "operator.listen", "value": "127.0.0.1:8081", "source": "default" },
        {
            "key": "upstreams.bastion.api_key", "value": "env:QUBITTRON_API_KEY",
            "source": "bastion.toml:12",
        },
    ]);
    assert_eq!(got.await.json(200), json!({ "settings": settings }));
    let got = plane.get("/admin/v1/config?key=operator.listen").await;
    got.refused(400, "invalid_request", Some("key"), "leave it out");
}
