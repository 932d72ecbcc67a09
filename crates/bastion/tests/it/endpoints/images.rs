//! `POST /v1/images/generations`: pictures in the answer or beside it, however large.

use hyper::body::Bytes;
use serde_json::json;

use super::{IMAGES, MODELS, passes, record, scene};
use crate::bastion::{Bastion, CONFIG};
use crate::client::Client;
use crate::hand::{Hand, Then};

#[tokio::test]
async fn both_formats_pass_as_they_come() {
    let scene = scene();
    for format in ["b64_json", "url"] {
        let body = format!(
            r#"{{"model":"stable-diffusion-xl-base-v10","prompt":"a","n":2,"size":"64x64","response_format":"{format}"}}"#
        );
        let (answer, _) = passes(&scene, IMAGES, &body).await;
        assert!(answer.json()["data"][1][format].is_string(), "{}", answer.text());
        assert_eq!(record(&scene, &answer).await["usage"]["images"], 2);
    }
}

/// A gateway before an upstream that answers with this body.
async fn before(body: Vec<u8>) -> (Bastion, Client) {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let hand = Hand::answering(vec![head.into(), Bytes::from(body)], Then::Keep).await;
    let config = CONFIG.replace("{upstream}", &format!("http://{}/v1", hand.address)) + MODELS;
    // Forty megabytes take their time on a busy machine.
    let bastion = Bastion::with(&config.replace("answer = \"2s\"", "answer = \"20s\""));
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    (bastion, client)
}

#[tokio::test]
async fn an_image_of_forty_megabytes_passes_and_is_counted() {
    let picture = "iVBOR".repeat(8_000_000);
    let body = format!(r#"{{"created":1,"data":[{{"b64_json":"{picture}"}}]}}"#).into_bytes();
    let (bastion, client) = before(body.clone()).await;
    let answer = client.post(IMAGES, &[], r#"{"model":"pictures","prompt":"a"}"#).await;
    assert_eq!((answer.status, answer.body.len()), (200, body.len()));
    assert!(answer.body == body, "byte for byte");
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["usage"]["images"], &call["usage"]["estimated"]), (&json!(1), &json!(false)));
}

#[tokio::test]
async fn an_answer_beyond_every_bound_is_a_failure_and_nothing_is_kept() {
    let (bastion, client) = before(vec![b' '; 64 * 1024 * 1024 + 1]).await;
    let answer = client.post(IMAGES, &[], r#"{"model":"pictures","prompt":"a"}"#).await;
    assert_eq!(answer.refusal(), (502, "upstream_error".to_owned()));
    let call = bastion.last_call(answer.header("x-request-id")).await;
    assert_eq!((&call["usage"]["images"], &call["usage"]["estimated"]), (&json!(1), &json!(true)));
}
