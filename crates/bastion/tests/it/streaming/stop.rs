//! A caller who leaves, in every way and at every moment: the upstream's connection is closed at
//! once, and the record says what it may have cost.
//!
//! A test here must never end the upstream's answer itself: only the caller's leaving may.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::stage::{Act, ROLE, Stage, patient, say, word};
use crate::bastion::{Bastion, LIMIT};
use crate::client::{CHAT, STREAM};

/// No time-out of the gateway's is as short.
const AT_ONCE: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Copy)]
enum Leaving {
    /// The connection is closed.
    Close,
    /// It is reset.
    Reset,
}

/// A moment of a call: what the upstream has done, what the caller has read, what is recorded.
struct Moment {
    name: &'static str,
    acts: Vec<Act>,
    headers: &'static str,
    body: &'static str,
    /// The caller has read this before it leaves.
    has_read: &'static str,
    status: u16,
    output: Output,
}

/// What a call is charged.
#[derive(Debug, Clone, Copy)]
enum Output {
    /// Nothing came back: what it was allowed.
    Bound,
    /// What went on.
    Passed,
}

fn moments() -> Vec<Moment> {
    let before = Moment {
        name: "before the first byte",
        acts: vec![Act::Hang],
        headers: "",
        body: STREAM,
        has_read: "",
        status: 499,
        output: Output::Bound,
    };
    let like = |name, acts, has_read| Moment { name, acts, has_read, ..moment(&before) };
    vec![
        Moment { name: "unstreamed", body: CHAT, ..moment(&before) },
        like("behind the head", vec![Act::Head, Act::Hang], ""),
        like("while the start-up is held back", vec![Act::Head, say(ROLE), Act::Hang], ""),
        Moment {
            status: 200,
            ..like("behind a sign of life", vec![Act::Head, say(ROLE), Act::Hang], ": heartbeat")
        },
        Moment {
            status: 200,
            output: Output::Passed,
            ..like("in mid-stream", vec![Act::Head, say(word("abc")), Act::Hang], "abc")
        },
        Moment {
            status: 200,
            output: Output::Passed,
            ..like(
                "in the middle of a frame",
                vec![Act::Head, say(word("abc")), say("data: half"), Act::Hang],
                "abc",
            )
        },
        Moment {
            headers: "bastion-stream: atomic\r\n",
            ..like("in an atomic call", vec![Act::Head, say(word("abc")), Act::Hang], "")
        },
        before,
    ]
}

fn moment(like: &Moment) -> Moment {
    Moment { acts: like.acts.clone(), ..*like }
}

async fn leave(stage: &Stage, (bastion, key): (&Bastion, &str), moment: &Moment, way: Leaving) {
    let what = format!("{way:?} {}", moment.name);
    stage.play(vec![moment.acts.clone()]);
    let seen = bastion.calls_when(|_| true).await.len();
    let mut stream = TcpStream::connect(bastion.callers).await.unwrap();
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n{}\
         content-length: {}\r\n\r\n{}",
        moment.headers,
        moment.body.len(),
        moment.body
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stage.has_received(1).await;
    let mut came = Vec::new();
    while !String::from_utf8_lossy(&came).contains(moment.has_read) {
        let read = tokio::time::timeout(LIMIT, stream.read_buf(&mut came)).await;
        assert!(read.expect("nothing comes").unwrap() > 0, "{what}: it was closed");
    }
    // What the upstream has said may still be on its way: each moment is as good as the next.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let left = Instant::now();
    if matches!(way, Leaving::Reset) {
        stream.set_zero_linger().unwrap();
    }
    drop(stream);
    stage.was_left(0).await;
    let took = left.elapsed();
    assert!(took < AT_ONCE, "{what}: {took:?}");
    let calls = bastion.calls_when(|calls| calls.len() > seen).await;
    recorded(&calls[0], moment, &what);
    assert_eq!(stage.bodies().len(), 1, "{what}: made again for nobody");
}

fn recorded(call: &Value, moment: &Moment, what: &str) {
    assert_eq!(call["stream"], "cancelled", "{what}: {call}");
    assert_eq!(call["code"], "caller_left", "{what}: {call}");
    assert_eq!(call["status"], moment.status, "{what}: {call}");
    assert_eq!(call["attempts"], 1, "{what}: {call}");
    assert_eq!(call["usage"]["estimated"], true, "{what}: {call}");
    assert_eq!(call["usage"]["input_tokens"], moment.body.len().div_ceil(4), "{what}: {call}");
    let output = match moment.output {
        Output::Bound => 60,
        Output::Passed => word("abc").len().div_ceil(4),
    };
    assert_eq!(call["usage"]["output_tokens"], json!(output), "{what}: {call}");
}

#[tokio::test]
async fn whoever_leaves_stops_the_upstream_at_once() {
    let stage = Stage::playing(vec![]).await;
    let (bastion, _) =
        stage.open(|config| patient(&config, 3).replace("answer = \"2s\"", "answer = \"10s\""));
    let key = bastion.key("dev", &[]);
    for moment in moments() {
        for way in [Leaving::Close, Leaving::Reset] {
            leave(&stage, (&bastion, &key.text), &moment, way).await;
        }
    }
}

#[tokio::test]
async fn a_caller_who_reads_nothing_and_leaves_stops_the_upstream_too() {
    let frame = say(word(&"x".repeat(64 * 1024)));
    let stage = Stage::playing(vec![[vec![Act::Head], vec![frame; 4096]].concat()]).await;
    let (bastion, client) = stage.open(|config| patient(&config, 1));
    let stream = client.open_stream().await;
    let id = stream.headers()["x-request-id"].to_str().unwrap().to_owned();
    // Longer than all buffers on the way take to be full.
    tokio::time::sleep(Duration::from_millis(700)).await;
    let left = Instant::now();
    drop(stream);
    stage.was_left(0).await;
    let took = left.elapsed();
    assert!(took < AT_ONCE, "{took:?}");
    let call = bastion.last_call(&id).await;
    assert_eq!((&call["stream"], &call["code"]), (&json!("cancelled"), &json!("caller_left")));
    assert_eq!(call["usage"]["estimated"], true, "{call}");
}
