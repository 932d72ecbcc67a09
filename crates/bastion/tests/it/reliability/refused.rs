//! Refusals that come oddly: before the request was read, too slowly, cut. They are refusals still.
//!
//! A test here must never let the request out of sight: it counts every connection that brings it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bastion_runtime::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::retry::QUICK;
use super::retrying;
use crate::bastion::{Bastion, CONFIG};
use crate::client::{CHAT, Client, STREAM};
use crate::scene::Scene;

/// Far more than the buffers of a connection hold.
const LONG_BYTES: usize = 4 * 1024 * 1024;

const TOO_LARGE: &str = r#"{"error":{"message":"too large","type":"x","code":"y"}}"#;

/// An upstream that says 413 as soon as it has read a request's head, and then reads the rest.
async fn early() -> (SocketAddr, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let requests = Arc::<AtomicU64>::default();
    let count = Arc::clone(&requests);
    drop(Tasks::new().spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            drop(Tasks::new().spawn(refuse(stream)));
        }
    }));
    (address, requests)
}

async fn refuse(mut stream: TcpStream) {
    let mut read = vec![0; 1024];
    stream.read_exact(&mut read).await.unwrap();
    let head = "HTTP/1.1 413 Payload Too Large\r\nconnection: close\r\n\
                content-type: application/json\r\ncontent-length:";
    let answer = format!("{head} {}\r\n\r\n{TOO_LARGE}", TOO_LARGE.len());
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.shutdown().await.ok();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.ok();
}

#[tokio::test]
async fn a_refusal_that_comes_before_the_request_was_read_is_the_callers() {
    let (address, requests) = early().await;
    let config = CONFIG.replace("{upstream}", &format!("http://{address}/v1"));
    let bastion = Bastion::with(&retrying(&config, QUICK));
    let client = Client::new(bastion.callers, &bastion.key("dev", &[]));
    for (n, body) in (1..).zip([CHAT, STREAM]) {
        let long = body.replacen("\"x\"", &format!("\"{}\"", "x".repeat(LONG_BYTES)), 1);
        let answer = client.chat(&long).await;
        assert_eq!((answer.status, answer.text()), (413, TOO_LARGE.to_owned()));
        assert_eq!(answer.header("bastion-attempts"), "1");
        assert_eq!(requests.load(Ordering::Relaxed), n, "it was sent again");
    }
}

#[tokio::test]
async fn a_refusal_that_does_not_come_to_an_end_is_not_asked_for_again() {
    let scene = Scene::with(|config| {
        let config = config.replace("answer = \"2s\"", "answer = \"500ms\"");
        retrying(&config.replace("first_event = \"2s\"", "first_event = \"500ms\""), QUICK)
    });
    for status in [400, 404] {
        for body in [CHAT, STREAM] {
            let script = format!(
                "status = {status}\nbody = '{{\"error\":{{\"message\":\"no\"}}}}'\nstall_after = 9"
            );
            let answer = scene.played(&script, body).await;
            scene.failed(&answer, 502, "upstream_error");
            let call = scene.bastion.last_call(answer.header("x-request-id")).await;
            assert_eq!(call["usage"]["output_tokens"], 0, "a refusal is not charged: {call}");
        }
    }
}
