//! Who is let in, and what is said to the others.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use http::{Method, Request};
use hyper::body::{Body as HttpBody, Bytes, Frame};

use super::{Plane, TOKEN, operator};
use crate::ask::MAX_BODY_BYTES;
use crate::document::operations;
use crate::door::Access;

const KEYS: &str = "/admin/v1/keys";
const ID: &str = "000000000001";

/// A body that does not come as it should.
enum OddBody {
    Unannounced(Option<Bytes>),
    Broken,
    Never,
}

impl HttpBody for OddBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            OddBody::Unannounced(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            OddBody::Broken => Poll::Ready(Some(Err(io::Error::other("gone")))),
            OddBody::Never => Poll::Pending,
        }
    }
}

fn request(method: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path.replace("{id}", ID))
}

#[tokio::test]
async fn without_the_token_only_the_probes_answer() {
    let plane = Plane::open().await;
    for (_, operation) in operations() {
        let method = operation.method.to_uppercase();
        let got = plane.send(request(&method, operation.path).body(Body::empty()).unwrap()).await;
        if operation.access == Access::Open {
            assert_ne!(got.status, 401, "{}", operation.path);
        } else {
            got.refused(401, "invalid_operator_token", None, "no operator token");
            assert_eq!(got.headers["www-authenticate"], "Bearer");
        }
    }
}

#[tokio::test]
async fn a_wrong_token_is_told_from_a_mixed_up_one() {
    let plane = Plane::open().await;
    let check = async |value: &str, part: &str| {
        let request = request("GET", KEYS).header("authorization", value);
        let got = plane.send(request.body(Body::empty()).unwrap()).await;
        got.refused(401, "invalid_operator_token", None, part);
    };
    check("Bearer bop_another", "not the operator token").await;
    check(&format!("Bearer {TOKEN}x"), "not the operator token").await;
    check(TOKEN, "cannot be read").await;
    check("Bearer bst_prod_x", "a caller's key").await;
    let (_, key) = plane.key().await;
    check(&format!("Bearer {key}"), "a caller's key").await;
    let request = request("GET", KEYS).header("x-api-key", TOKEN).body(Body::empty()).unwrap();
    plane.send(request).await.refused(401, "invalid_operator_token", None, "no operator token");
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_told_before_the_token() {
    let plane = Plane::open().await;
    let key = format!("{KEYS}/{ID}");
    for unknown in
        ["/", "/admin", "/admin/v1", "/admin/v1/keys/", "/admin/v1/balances", "/v1/models"]
    {
        let got = plane.send(request("GET", unknown).body(Body::empty()).unwrap()).await;
        got.refused(404, "not_found", None, "openapi.json");
    }
    for (method, path, allow) in [
        ("DELETE", key.as_str(), "GET,HEAD"),
        ("GET", &format!("{key}/revoke"), "POST"),
        ("HEAD", &format!("{key}/rotate"), "POST"),
        ("PUT", KEYS, "GET,HEAD,POST"),
        ("OPTIONS", KEYS, "GET,HEAD,POST"),
        ("TRACE", "/admin/v1/config", "GET,HEAD"),
        ("POST", "/metrics", "GET,HEAD"),
    ] {
        let got = plane.send(request(method, path).body(Body::empty()).unwrap()).await;
        assert_eq!((got.status.as_u16(), &got.headers["allow"]), (405, &allow.parse().unwrap()));
        if method != "HEAD" {
            got.refused(405, "method_not_allowed", None, "allow header");
        }
    }
}

#[tokio::test]
async fn on_loopback_a_foreign_host_name_is_refused() {
    let plane = Plane::open().await;
    let send = async |plane: &Plane, path: &str, host: &str| {
        let request = operator(Method::GET, path).header("host", host);
        plane.send(request.body(Body::empty()).unwrap()).await
    };
    for path in [KEYS, "/admin/v1/unknown", "/admin/v1/openapi.json"] {
        send(&plane, path, "evil.example:8081").await.refused(403, "forbidden_host", None, "host");
    }
    for own in ["localhost:8081", "127.0.0.1:8081", "[::1]:8081", "192.0.2.1"] {
        assert_eq!(send(&plane, KEYS, own).await.status, 200, "{own}");
    }
    assert_eq!(send(&plane, "/healthz", "bastion.internal").await.status, 200);
    let open = Plane::listening("0.0.0.0:8081").await;
    assert_eq!(send(&open, KEYS, "ops.example").await.status, 200);
}

#[tokio::test]
async fn a_body_must_be_small_plain_json() {
    let plane = Plane::open().await;
    let send = async |header: (&str, &str), body: Body| {
        let request = operator(Method::POST, KEYS).header(header.0, header.1);
        plane.send(request.body(body).unwrap()).await
    };
    let json = ("content-type", "application/json");
    let body = r#"{"environment":"prod","service":"api"}"#;
    for other in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let got = send(("content-type", other), body.into()).await;
        got.refused(415, "invalid_request", None, "content-type: application/json");
    }
    send(("accept", "*/*"), body.into()).await.refused(415, "invalid_request", None, "JSON");
    let zipped = operator(Method::POST, KEYS).header("content-encoding", "gzip");
    let zipped = zipped.header("content-type", "application/json").body(body.into()).unwrap();
    plane.send(zipped).await.refused(415, "invalid_request", None, "not compressed");
    let charset = ("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(send(charset, body.into()).await.status, 201);

    let whole = format!("{body}{}", " ".repeat(MAX_BODY_BYTES - body.len()));
    assert_eq!(send(json, whole.clone().into()).await.status, 201, "just fits");
    let large = format!("{whole} ");
    send(json, large.clone().into()).await.refused(413, "invalid_request", None, "65536 bytes");
    let unannounced = Body::new(OddBody::Unannounced(Some(large.into())));
    send(json, unannounced).await.refused(413, "invalid_request", None, "65536 bytes");
    send(json, Body::empty()).await.refused(400, "invalid_request", Some("service"), "missing");
    send(json, "{".into()).await.refused(400, "invalid_request", None, "line 1, column 1");
    send(json, "[]".into()).await.refused(400, "invalid_request", None, "one JSON object");
}

#[tokio::test]
async fn a_body_that_breaks_off_or_never_comes_is_told() {
    let plane = Plane::open().await;
    let request = |body| {
        operator(Method::POST, KEYS).header("content-type", "application/json").body(body).unwrap()
    };
    let got = plane.send(request(Body::new(OddBody::Broken))).await;
    got.refused(400, "invalid_request", None, "announced length");
    tokio::time::pause();
    let got = plane.send(request(Body::new(OddBody::Never))).await;
    got.refused(408, "request_timeout", None, "in time");
}
