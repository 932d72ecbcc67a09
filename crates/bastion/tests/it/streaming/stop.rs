//! A caller who leaves, in every way and at every moment: the upstream's connection is closed at
//! once, and the record says what it may have cost.
//!
//! A test here must never end the upstream's answer itself: only the caller's leaving may.

use std::time::Duration;

use bastion_runtime::Tasks;
use bastion_sim::{LogEntry, Outcome};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::TEMPLATE_TOKENS;
use super::stage::{Act, ROLE, Stage, patient, say, word};
use crate::bastion::{Bastion, LIMIT};
use crate::client::{CHAT, STREAM, piece};
use crate::scene::Scene;

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
    let (input, output) = match moment.output {
        Output::Bound => (moment.body.len() + TEMPLATE_TOKENS, 60),
        Output::Passed => (moment.body.len().div_ceil(4), 1),
    };
    assert_eq!(call["usage"]["input_tokens"], json!(input), "{what}: {call}");
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

/// A call over HTTP/2; dropping what is given resets its stream and leaves the connection.
async fn over_http2(scene: &Scene, body: &'static str) -> (Response<Incoming>, Http2) {
    let stream = TcpStream::connect(scene.bastion.callers).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    drop(Tasks::new().spawn(connection));
    let answer = sender.send_request(http2_request(scene, body)).await.unwrap();
    (answer, sender)
}

type Http2 = http2::SendRequest<Full<Bytes>>;

fn http2_request(scene: &Scene, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(format!("http://{}/v1/chat/completions", scene.bastion.callers))
        .header("authorization", format!("Bearer {}", scene.key.text))
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

#[tokio::test]
async fn a_stream_reset_over_http_2_stops_the_upstream_and_the_connection_goes_on() {
    let scene = Scene::set();
    let stopped = |all: &[LogEntry]| all.iter().any(|e| e.outcome == Some(Outcome::ClosedByPeer));
    // In the middle of a stream.
    scene.upstream.play("[[answer]]\ngap_ms = 3600000\nevents = ['{}', '{}']\n");
    let (mut answer, mut sender) = over_http2(&scene, STREAM).await;
    assert!(piece(answer.body_mut()).await.is_some());
    drop(answer);
    scene.upstream.wait_for(stopped).await;
    // Before the first byte, over the same connection, streamed and not.
    for body in [STREAM, CHAT] {
        scene.upstream.play("[[answer]]\ndelay_ms = 3600000\n");
        tokio::select! {
            answer = sender.send_request(http2_request(&scene, body)) => panic!("{answer:?}"),
            () = scene.upstream.wait_for(|all| all.iter().any(|e| !e.body.is_empty())) => {}
        }
        scene.upstream.wait_for(stopped).await;
    }
    let left = |calls: &[Value]| calls.iter().filter(|c| c["stream"] == "cancelled").count() == 3;
    scene.bastion.calls_when(left).await;
    scene.upstream.play("[[answer]]\nmatch = { model = \"none\" }\n");
    let answer = sender.send_request(http2_request(&scene, CHAT)).await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn a_caller_with_stray_bytes_behind_its_request_is_seen_to_leave_as_well() {
    let scene = Scene::set();
    let stopped = |all: &[LogEntry]| all.iter().any(|e| e.outcome == Some(Outcome::ClosedByPeer));
    for stray in ["\r\n", "\r\n\r\n", "GET /v1/mod", "x"] {
        scene.upstream.play("[[answer]]\ndelay_ms = 3600000\n");
        let mut caller = TcpStream::connect(scene.bastion.callers).await.unwrap();
        let request = scene.good_request() + stray;
        caller.write_all(request.as_bytes()).await.unwrap();
        scene.upstream.wait_for(|all| all.iter().any(|e| !e.body.is_empty())).await;
        let left = Instant::now();
        drop(caller);
        scene.upstream.wait_for(stopped).await;
        // The gateway's own time-out for an answer is 2 s.
        assert!(left.elapsed() < Duration::from_secs(1), "{stray:?}: {:?}", left.elapsed());
    }
}
