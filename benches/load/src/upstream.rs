//! The upstream of the harness: fixed answers, as fast or as slow as it is told, and exact counts.
//!
//! It must never cost more than an answer's bytes: its processor time is not the gateway's.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

const ANSWER: &str = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1760000000,"model":"bench","choices":[{"index":0,"message":{"role":"assistant","content":"Fixed text of an answer that nobody thought about, as long as short answers are. Fixed text of an answer that nobody thought about, as long as short answers are. Fixed text of an answer that nobody thought about, as long as short answers are.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":57,"completion_tokens":31,"total_tokens":88,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"system_fingerprint":"bench"}"#;
const EVENT: &str = "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"finish_reason\":null}]}\n\n";
const USAGE: &str = "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":57,\"completion_tokens\":64,\"total_tokens\":121}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

/// Until one that it refused may come again, in seconds: longer than anybody waits here, and less
/// than the gateway's longest wait.
const RETRY_AFTER_S: &str = "15";

/// How it answers.
#[derive(Debug, Default)]
struct Knobs {
    latency_ms: AtomicU64,
    events: AtomicU64,
    gap_ms: AtomicU64,
    refuses: AtomicBool,
}

/// What it has seen since it was told how to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) connections: u64,
    pub(crate) open: u64,
}

/// The upstream's state.
#[derive(Default)]
pub(crate) struct Upstream {
    knobs: Knobs,
    requests: AtomicU64,
    connections: AtomicU64,
    open: AtomicU64,
    /// Told when an answer ends before its end.
    stopped: Option<mpsc::Sender<Instant>>,
}

/// An answer on its way; dropped before it is whole, it was stopped.
struct Running {
    upstream: Arc<Upstream>,
    whole: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.upstream.open.fetch_sub(1, Ordering::Relaxed);
        if let Some(stopped) = self.upstream.stopped.as_ref().filter(|_| !self.whole) {
            // Nobody waits outside of the scenario that stops calls.
            stopped.try_send(Instant::now()).ok();
        }
    }
}

impl Upstream {
    /// One that tells when an answer is stopped.
    pub(crate) fn telling(stopped: mpsc::Sender<Instant>) -> Upstream {
        Upstream { stopped: Some(stopped), ..Upstream::default() }
    }

    /// From now on it answers so.
    pub(crate) fn set(&self, latency_ms: u64, events: u64, gap_ms: u64) {
        self.knobs.latency_ms.store(latency_ms, Ordering::Relaxed);
        self.knobs.events.store(events, Ordering::Relaxed);
        self.knobs.gap_ms.store(gap_ms, Ordering::Relaxed);
        self.knobs.refuses.store(false, Ordering::Relaxed);
        self.requests.store(0, Ordering::Relaxed);
        self.connections.store(0, Ordering::Relaxed);
    }

    /// From now on it says 429, and to come again in a while.
    pub(crate) fn refuse(&self) {
        self.set(0, 0, 0);
        self.knobs.refuses.store(true, Ordering::Relaxed);
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    fn counts(&self) -> Counts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counts {
            requests: read(&self.requests),
            connections: read(&self.connections),
            open: read(&self.open),
        }
    }

    /// Serves until it is dropped.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            // A peer that is gone already is no loss.
            stream.set_nodelay(true).ok();
            self.connections.fetch_add(1, Ordering::Relaxed);
            let upstream = Arc::clone(&self);
            connections.spawn(async move {
                let service = service_fn(move |request| Arc::clone(&upstream).answer(request));
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
            });
            while connections.try_join_next().is_some() {}
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
        let query: HashMap<String, u64> = query(request.uri().query().unwrap_or_default());
        let knob = |name: &str| query.get(name).copied().unwrap_or(0);
        match request.uri().path() {
            "/set" => {
                self.set(knob("latency_ms"), knob("events"), knob("gap_ms"));
                return Ok(Response::new(text("set")));
            }
            "/counts" => {
                let counts = serde_json::to_string(&self.counts()).unwrap_or_default();
                return Ok(Response::new(text(&counts)));
            }
            _ => {}
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        let mut running = Running { upstream: Arc::clone(&self), whole: false };
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
        self.requests.fetch_add(1, Ordering::Relaxed);
        let streamed = body.is_ok_and(|body| contains(&body, b"\"stream\":true"));
        let latency_ms = self.knobs.latency_ms.load(Ordering::Relaxed);
        if latency_ms > 0 {
            tokio::time::sleep(Duration::from_millis(latency_ms)).await;
        }
        if self.knobs.refuses.load(Ordering::Relaxed) {
            running.whole = true;
            return Ok(refusal());
        }
        if streamed {
            return Ok(self.stream(running));
        }
        running.whole = true;
        let mut response = Response::new(text(ANSWER));
        let json = hyper::header::HeaderValue::from_static("application/json");
        response.headers_mut().insert("content-type", json);
        Ok(response)
    }

    fn stream(&self, running: Running) -> Response<BoxBody<Bytes, Infallible>> {
        let events = self.knobs.events.load(Ordering::Relaxed);
        let gap = Duration::from_millis(self.knobs.gap_ms.load(Ordering::Relaxed));
        let frames = stream::unfold((0, running), move |(sent, mut running)| async move {
            if sent > 0 && sent <= events && !gap.is_zero() {
                tokio::time::sleep(gap).await;
            }
            let frame = if sent < events {
                EVENT
            } else if sent == events {
                USAGE
            } else if sent == events + 1 {
                running.whole = true;
                DONE
            } else {
                return None;
            };
            let frame = Ok(Frame::data(Bytes::from_static(frame.as_bytes())));
            Some((frame, (sent + 1, running)))
        });
        let mut response =
            Response::new(BodyExt::boxed(StreamBody::new(SyncStream(Box::pin(frames)))));
        let events = hyper::header::HeaderValue::from_static("text/event-stream");
        response.headers_mut().insert("content-type", events);
        response
    }
}

/// A stream that is only ever polled by its one owner, for bodies that want to be shared.
struct SyncStream<S>(std::pin::Pin<Box<S>>);

impl<S: futures_util::Stream> futures_util::Stream for SyncStream<S> {
    type Item = S::Item;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<S::Item>> {
        self.get_mut().0.as_mut().poll_next(cx)
    }
}

fn refusal() -> Response<BoxBody<Bytes, Infallible>> {
    let mut response = Response::new(text("{}"));
    *response.status_mut() = hyper::StatusCode::TOO_MANY_REQUESTS;
    let later = hyper::header::HeaderValue::from_static(RETRY_AFTER_S);
    response.headers_mut().insert("retry-after", later);
    response
}

fn text(text: &str) -> BoxBody<Bytes, Infallible> {
    Full::new(Bytes::copy_from_slice(text.as_bytes())).boxed()
}

fn query(text: &str) -> HashMap<String, u64> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// The process of its own: prints its address and serves until it is ended.
pub(crate) fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr().context("the upstream has no address")?;
        crate::out::line(&address.to_string());
        Arc::new(Upstream::default()).serve(listener).await;
        Ok(())
    })
}
