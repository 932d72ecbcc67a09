//! Slow callers: each wait for one has a limit, whatever part of a request it stops in.
//!
//! A pause here is the caller's own slowness, never a wait for luck.

use std::time::Duration;

use crate::bastion::LIMIT;
use crate::scene::{CHAT, Scene};
use crate::wire::Wire;

/// Between two bytes of a caller that drips.
const DRIP: Duration = Duration::from_millis(100);

/// Sends byte after byte, slowly, until what it is raced against is over.
async fn drip(wire: &mut Wire, byte: &[u8]) {
    let mut clock = tokio::time::interval(DRIP);
    let dripping = async {
        loop {
            clock.tick().await;
            wire.send_what_is_taken(byte).await;
        }
    };
    let limit = Duration::from_secs(4);
    assert!(limit < LIMIT && tokio::time::timeout(limit, dripping).await.is_err());
}

#[tokio::test]
async fn a_caller_that_stops_in_the_head_is_closed_at_its_time_out() {
    let scene = Scene::set();
    let begun = [
        String::new(),
        "P".to_owned(),
        "PRI * HTTP/2.0\r\n".to_owned(),
        "POST".to_owned(),
        format!("POST {CHAT} HTTP/1.1\r\nhost: a\r\nx-half: "),
        scene.head("").trim_end().to_owned(),
    ];
    let mut wires = Vec::new();
    for begun in &begun {
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send(begun).await;
        wires.push(wire);
    }
    for (mut wire, begun) in wires.into_iter().zip(begun) {
        let answer = tokio::time::timeout(LIMIT / 2, wire.answer_or_end()).await;
        let answer = answer.unwrap_or_else(|_| panic!("it stays open after {begun:?}"));
        assert!(answer.is_none_or(|answer| answer.status == 408), "after {begun:?}");
    }
    scene.goes_on().await;
}

#[tokio::test]
async fn a_head_that_drips_is_closed_at_its_time_out_all_the_same() {
    let scene = Scene::set();
    let mut wire = Wire::open(scene.bastion.callers).await;
    wire.send(format!("POST {CHAT} HTTP/1.1\r\nhost: a\r\nx-slow: ")).await;
    drip(&mut wire, b"a").await;
    wire.answer_or_end().await;
    wire.closed().await;
    scene.goes_on().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let scene = Scene::set();
    let stopped = async {
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send(scene.head("content-length: 1000\r\n") + "{\"model\"").await;
        scene.refused(&wire.answer().await, 408, "request_timeout");
        wire.send_what_is_taken(scene.good_request()).await;
        wire.end().await;
        wire.closed().await;
    };
    let dripping = async {
        let mut wire = Wire::open(scene.bastion.callers).await;
        wire.send(scene.head("transfer-encoding: chunked\r\n")).await;
        drip(&mut wire, b"1\r\na\r\n").await;
        scene.refused(&wire.answer().await, 408, "request_timeout");
        wire.closed().await;
    };
    tokio::join!(stopped, dripping);
    scene.goes_on().await;
}
