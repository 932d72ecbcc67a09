//! What the log tells.
//!
//! It must never tell a key.

use bastion_sim::{BodyEncoding, Outcome};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::client::{CHAT, KEY, PLAIN, STREAM, begin, chat, get, read_until, send};
use crate::upstream::{SOON, Upstream};

#[tokio::test]
async fn no_key_is_ever_shown() {
    let upstream = Upstream::seeded(1);
    chat(upstream.address, PLAIN).await;
    let page = get(upstream.address, "/sim/log").await;
    assert!(!page.text().contains(KEY) && !page.text().contains("0123456"));
    assert_eq!(page.json()["data"][0]["headers"]["authorization"], "Bearer …6789");
    assert!(!format!("{:?}", upstream.log.entries()).contains("0123456"));
}

#[tokio::test]
async fn a_request_is_told_with_its_exact_bytes() {
    let upstream = Upstream::seeded(1);
    let body = PLAIN.replace("\"messages\"", "\"tools\":[1,  2.50], \"messages\"");
    chat(upstream.address, &body).await;
    send(upstream.address, "POST", "/v1/x?y=1", Some(KEY), &[0xff, 0xfe, 0xfd]).await;
    let entries = upstream.log.entries();
    let first = &entries[0];
    assert_eq!((first.n, &*first.body, first.body_encoding), (1, &*body, BodyEncoding::Text));
    assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", CHAT));
    assert_eq!((first.model.as_deref(), first.stream), (Some("Qwen3-32B"), false));
    assert_eq!((first.answered_status, first.outcome), (Some(200), Some(Outcome::Whole)));
    assert!(first.at <= first.answered_at.unwrap() && first.answered_at <= first.closed_at);
    let second = &entries[1];
    assert_eq!((&*second.body, second.body_encoding), ("//79", BodyEncoding::Base64));
    assert_eq!((second.query.as_deref(), second.answered_status), (Some("y=1"), Some(404)));
    assert_ne!(first.connection, second.connection);
    let page = get(upstream.address, "/sim/log").await.json();
    assert_eq!(page["data"][0]["body"], body.as_str());
    assert_eq!(page["data"][0]["at_us"], first.at.micros());
    assert_eq!(page["data"][0]["outcome"], "whole");
    assert_eq!(page["connections"][0]["requests"], 1);
    assert_eq!(page["next"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_peer_that_leaves_in_a_stream_is_told_with_its_time() {
    let upstream = Upstream::scripted("[[answer]]\ngap_ms = 3600000\n");
    let mut socket = begin(upstream.address, "POST", CHAT, Some(KEY), STREAM.as_bytes()).await;
    read_until(&mut socket, "assistant").await;
    let leaves = tokio::time::Instant::now();
    drop(socket);
    let closed = |entry: &bastion_sim::LogEntry| entry.outcome == Some(Outcome::ClosedByPeer);
    assert!(upstream.log.wait_for(|all| all.iter().any(closed), SOON).await);
    assert!(leaves.elapsed() < std::time::Duration::from_secs(1), "{:?}", leaves.elapsed());
    assert_eq!(upstream.log.entries()[0].events_sent, 1);
}

#[tokio::test]
async fn a_peer_that_leaves_in_its_body_is_told() {
    let upstream = Upstream::seeded(1);
    let mut socket = TcpStream::connect(upstream.address).await.unwrap();
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: sim\r\ncontent-length: 9\r\n\r\n{{");
    socket.write_all(head.as_bytes()).await.unwrap();
    assert!(upstream.log.wait_for(|all| all.len() == 1, SOON).await);
    drop(socket);
    let over = |entry: &bastion_sim::LogEntry| entry.outcome == Some(Outcome::ClosedByPeer);
    assert!(upstream.log.wait_for(|all| all.iter().all(over), SOON).await);
}

#[tokio::test]
async fn connections_are_told_open_and_closed() {
    let upstream = Upstream::seeded(1);
    let mut socket = TcpStream::connect(upstream.address).await.unwrap();
    for _ in 0..2 {
        let request = format!(
            "GET /v1/models/bge-m3 HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer {KEY}\r\n\r\n"
        );
        socket.write_all(request.as_bytes()).await.unwrap();
        read_until(&mut socket, "owned_by").await;
    }
    let open = &upstream.log.connections()[0];
    assert_eq!((open.id, open.requests, open.closed_at), (1, 2, None));
    assert_eq!(upstream.log.entries()[1].model.as_deref(), Some("bge-m3"));
    drop(socket);
    let closed = |one: &bastion_sim::ConnectionEntry| one.closed_at.is_some();
    assert!(upstream.log.wait_for_connections(|all| all.iter().all(closed), SOON).await);
    upstream.log.clear();
    assert!(upstream.log.entries().is_empty() && upstream.log.connections().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_wait_in_vain_ends() {
    let log = Upstream::seeded(1).log;
    assert!(!log.wait_for(|all| !all.is_empty(), SOON).await);
    assert!(log.wait_for(<[_]>::is_empty, SOON).await);
}
