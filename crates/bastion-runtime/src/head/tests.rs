//! The gate against hyper: what it lets through, hyper reads the same way and never refuses.
//!
//! Rounds: `BASTION_FUZZ_ROUNDS`, 3000 where it is not set; the seed is fixed.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;

use super::exchanges::{Exchange, Exchanges, Watched};
use super::follower::{Follower, Turn};
use super::gate::Gate;

const SEED: u64 = 20_261_124;
const LIMIT_BYTES: u32 = 4096;

/// Turns that hyper gets for its answers.
const ANSWER_YIELDS: u32 = 64;

/// So many of the parts are whole requests.
const WHOLE: usize = 6;

/// What good requests are made of, and what spoils them.
const PARTS: [&str; 40] = [
    "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
    "POST /v1/x HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello",
    "POST /c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "HEAD /h HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    "PUT /p HTTP/1.1\r\ncontent-length: 0\r\n\r\n",
    "DELETE /d?a=b HTTP/1.1\r\nhost: a\r\nx: y\r\n\r\n",
    "POST /two HTTP/1.1\r\n",
    "GET /a HTTP/1.0\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "host: b\r\n",
    "content-length: 5\r\n",
    "content-length: 3\r\n",
    "content-length: 5, 5\r\n",
    "transfer-encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "transfer-encoding : chunked\r\n",
    "transfer-encoding:\x0bchunked\r\n",
    "connection: close\r\n",
    "connection: upgrade\r\nupgrade: h2c\r\n",
    "expect: 100-continue\r\n",
    "trailer: x\r\n",
    " folded: x\r\n",
    "x:\r\n",
    "x: \u{e9}\r\n",
    "5;a=b\r\nhello\r\n",
    "5\r\nhello\r\n",
    "0\r\n\r\n",
    "0\r\nx: y\r\n\r\n",
    "00000000000000000005\r\n",
    "ffffffffffffffff\r\n",
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    ":",
    ";",
    "hello",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET  / HTTP/1.1\r\n\r\n",
];

fn input(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..random.usize(1..8) {
        // Whole requests stand first in the list; more often than not one of them.
        let of = if random.u8(..3) > 0 { WHOLE } else { PARTS.len() };
        bytes.extend_from_slice(PARTS[random.usize(..of)].as_bytes());
    }
    for _ in 0..random.usize(..3) {
        let at = random.usize(..bytes.len());
        match random.u8(..4) {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, random.u8(..)),
            2 => bytes[at] = random.u8(..),
            _ => bytes.swap(at, 0),
        }
        if bytes.is_empty() {
            bytes.push(b'G');
        }
    }
    bytes
}

/// Method and path of every head that the follower passes, byte for byte.
fn heads(bytes: &[u8]) -> Vec<String> {
    let mut follower = Follower::new(LIMIT_BYTES);
    let (mut held, mut heads) = (Vec::new(), Vec::new());
    for byte in bytes {
        held.push(*byte);
        let (length, stop) = follower.advance(&held, Turn::Now);
        let passed: Vec<u8> = held.drain(..length).collect();
        // A body passes byte by byte, a head at once.
        if passed.len() > 1 {
            let text = String::from_utf8_lossy(&passed).into_owned();
            heads.push(text.split(" HTTP/1").next().unwrap().to_owned());
        }
        if stop.is_some() {
            break;
        }
    }
    heads
}

type Seen = Arc<Mutex<Vec<String>>>;

type Answer = Response<Watched<Full<Bytes>>>;

async fn answer(
    request: Request<Incoming>,
    seen: Seen,
    exchange: Exchange,
) -> Result<Answer, Infallible> {
    seen.lock().push(format!("{} {}", request.method(), request.uri()));
    request.into_body().collect().await.ok();
    Ok(Response::new(Watched::new(Full::new(Bytes::from_static(b"fine")), exchange)))
}

/// What hyper makes of it behind the gate, and what it writes.
async fn through(bytes: &[u8], step: usize) -> (Vec<String>, String) {
    let seen = Seen::default();
    let (mut near, far) = tokio::io::duplex(1 << 20);
    let exchanges = Exchanges::default();
    let (gate, kept) = Gate::new(far, LIMIT_BYTES, exchanges.clone());
    let record = Arc::clone(&seen);
    let service =
        service_fn(move |request| answer(request, Arc::clone(&record), exchanges.begin()));
    let server = http1::Builder::new().serve_connection(TokioIo::new(gate), service);
    let serve = async move {
        server.await.ok();
        // Only now the stream is closed.
        drop(kept.take());
    };
    let talk = async {
        for piece in bytes.chunks(step) {
            // It may have been closed already.
            near.write_all(piece).await.ok();
            tokio::task::yield_now().await;
        }
        // A peer who leaves at once wants no answers: hyper has time for all of them first.
        a_while().await;
        near.shutdown().await.ok();
        let mut written = Vec::new();
        near.read_to_end(&mut written).await.unwrap();
        written
    };
    let ((), written) = tokio::join!(serve, talk);
    let seen = seen.lock().clone();
    (seen, String::from_utf8(written).unwrap())
}

#[tokio::test]
async fn what_passes_is_read_by_hyper_in_the_same_way() {
    let rounds = std::env::var("BASTION_FUZZ_ROUNDS").ok().and_then(|text| text.parse().ok());
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut requests = 0;
    for round in 0..rounds.unwrap_or(3000) {
        let bytes = input(&mut random);
        let step = if random.bool() { bytes.len() } else { random.usize(1..20) };
        let expect = heads(&bytes);
        let (seen, written) = through(&bytes, step).await;
        let shown = String::from_utf8_lossy(&bytes);
        assert_eq!(seen, expect, "round {round}, in pieces of {step}: {shown:?}");
        for status in ["400", "413", "414", "431", "501"] {
            assert!(!written.contains(&format!("HTTP/1.1 {status}")), "{written}: {shown:?}");
        }
        requests += seen.len();
    }
    assert!(requests > 1000, "the inputs are too bad to show anything: {requests}");
}

/// Is set when this is dropped before its end.
struct Dropped(Option<Arc<AtomicBool>>);

impl Dropped {
    fn at_its_end(mut self) {
        self.0 = None;
    }
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.iter().for_each(|mark| mark.store(true, Ordering::Release));
    }
}

/// Behind the gate: answers once it may, and tells how many requests began and whether an answer was
/// given up.
#[derive(Clone, Default)]
struct Answering {
    may_answer: Arc<Notify>,
    begun: Arc<AtomicUsize>,
    given_up: Arc<AtomicBool>,
}

impl Answering {
    fn has_begun(&self) -> usize {
        self.begun.load(Ordering::Acquire)
    }

    fn was_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }

    /// Serves the peer's stream to its end.
    async fn serve(self, far: DuplexStream) {
        let exchanges = Exchanges::default();
        let (gate, kept) = Gate::new(far, LIMIT_BYTES, exchanges.clone());
        let service = service_fn(move |_| {
            self.begun.fetch_add(1, Ordering::AcqRel);
            let (exchange, may_answer) = (exchanges.begin(), Arc::clone(&self.may_answer));
            let dropped = Dropped(Some(Arc::clone(&self.given_up)));
            async move {
                may_answer.notified().await;
                dropped.at_its_end();
                let body = Watched::new(Full::new(Bytes::from_static(b"fine")), exchange);
                Ok::<_, Infallible>(Response::new(body))
            }
        });
        // Whether it calls an early end an error is hyper's affair.
        http1::Builder::new().serve_connection(TokioIo::new(gate), service).await.ok();
        drop(kept.take());
    }

    /// While the peer talks; no more than a while.
    async fn beside<T>(&self, far: DuplexStream, talk: impl Future<Output = T>) -> Option<T> {
        let both = async { tokio::join!(self.clone().serve(far), talk).1 };
        tokio::time::timeout(Duration::from_secs(5), both).await.ok()
    }
}

/// Time for hyper to do what it can.
async fn a_while() {
    for _ in 0..ANSWER_YIELDS {
        tokio::task::yield_now().await;
    }
}

/// A peer sends this while its first request is being answered, and leaves; how many requests began,
/// and was the answer given up?
async fn left_behind(bytes: &[u8]) -> (usize, bool) {
    let (mut near, far) = tokio::io::duplex(1 << 20);
    let answering = Answering::default();
    let talk = async {
        near.write_all(bytes).await.unwrap();
        a_while().await;
        assert!(!answering.was_given_up(), "nobody has left yet");
        drop(near);
    };
    let in_time = answering.beside(far, talk).await.is_some();
    (answering.has_begun(), in_time && answering.was_given_up())
}

#[tokio::test]
async fn a_peer_who_leaves_is_seen_behind_whatever_it_has_sent_already() {
    let (get, post) = (PARTS[0], PARTS[1]);
    let more_than_is_held = get.repeat(1000);
    assert!(more_than_is_held.len() > 4 * usize::try_from(LIMIT_BYTES).unwrap());
    for behind in [
        String::new(),
        get.to_owned(),
        post.repeat(3),
        "GET /half".to_owned(),
        get.repeat(90),
        more_than_is_held,
    ] {
        let bytes = format!("{post}{behind}");
        assert_eq!(left_behind(bytes.as_bytes()).await, (1, true), "{} bytes", behind.len());
    }
}

#[tokio::test]
async fn who_sends_too_far_ahead_gets_its_answer_and_then_the_end() {
    let (mut near, far) = tokio::io::duplex(1 << 20);
    let answering = Answering::default();
    let talk = async {
        near.write_all(PARTS[0].repeat(1000).as_bytes()).await.unwrap();
        a_while().await;
        answering.may_answer.notify_one();
        let mut written = String::new();
        near.read_to_string(&mut written).await.unwrap();
        written
    };
    let written = answering.beside(far, talk).await.expect("it ends");
    assert!(written.starts_with("HTTP/1.1 200") && written.ends_with("fine"), "{written}");
    assert_eq!(answering.has_begun(), 1, "what was read away began nothing");
    assert!(!answering.was_given_up());
}
