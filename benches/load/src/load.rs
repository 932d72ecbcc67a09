//! Callers: so many connections, one request behind the other, each answer looked at.
//!
//! It must never count an answer that is not whole.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::LocalSet;
use tokio::time::Instant;

/// What anything may take before the run fails.
const LIMIT: Duration = Duration::from_secs(30);

/// What is asked, and by how many.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: u32,
    pub(crate) streamed: bool,
    /// Requests a second over all connections; none: as fast as they are answered.
    pub(crate) per_s: Option<u32>,
    pub(crate) lasts: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) latencies_us: Vec<u64>,
}

impl Done {
    /// The median, in milliseconds.
    pub(crate) fn p50_ms(&mut self) -> f64 {
        self.latencies_us.sort_unstable();
        let middle = self.latencies_us.get(self.latencies_us.len() / 2).copied();
        Duration::from_micros(middle.unwrap_or(0)).as_secs_f64() * 1000.0
    }
}

/// Where the load goes.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
}

impl Target {
    fn request(&self, streamed: bool) -> anyhow::Result<Request<Full<Bytes>>> {
        let body = if streamed {
            r#"{"model":"bench","messages":[{"role":"user","content":"A question of some length."}],"stream":true,"stream_options":{"include_usage":true}}"#
        } else {
            r#"{"model":"bench","messages":[{"role":"user","content":"A question of some length."}]}"#
        };
        let request = Request::post("/v1/chat/completions")
            .header("host", self.address.to_string())
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", self.key));
        Ok(request.body(Full::new(Bytes::from_static(body.as_bytes())))?)
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::task::spawn_local(connection);
        Ok(sender)
    }

    /// Puts the load on and waits until everything that was begun is answered.
    pub(crate) async fn bear(&self, load: Load) -> anyhow::Result<Done> {
        let target = Rc::new(self.clone());
        let end = Instant::now() + load.lasts;
        let caller =
            |index: u32| tokio::task::spawn_local(Rc::clone(&target).caller(load, index, end));
        let bear = async {
            let callers: Vec<_> = (0..load.connections).map(caller).collect();
            let mut done = Done::default();
            for caller in callers {
                done.latencies_us.extend(caller.await??);
            }
            Ok(done)
        };
        LocalSet::new().run_until(bear).await
    }

    async fn caller(
        self: Rc<Self>,
        load: Load,
        index: u32,
        end: Instant,
    ) -> anyhow::Result<Vec<u64>> {
        let mut sender = self.connect().await?;
        let mut latencies = Vec::new();
        let pause = load.per_s.map(|per_s| Duration::from_secs(1) * load.connections / per_s);
        let mut next = Instant::now() + pause.unwrap_or_default() * index / load.connections;
        while Instant::now() < end {
            if let Some(pause) = pause {
                tokio::time::sleep_until(next).await;
                next += pause;
            }
            let began = Instant::now();
            let call = self.call(&mut sender, load.streamed);
            tokio::time::timeout(LIMIT, call).await.context("a call hangs")??;
            latencies.push(u64::try_from(began.elapsed().as_micros())?);
        }
        Ok(latencies)
    }

    async fn call(
        &self,
        sender: &mut SendRequest<Full<Bytes>>,
        streamed: bool,
    ) -> anyhow::Result<()> {
        sender.ready().await?;
        let answer = sender.send_request(self.request(streamed)?).await?;
        ensure!(answer.status() == 200, "an answer of {}", answer.status());
        let body = answer.into_body().collect().await?.to_bytes();
        if streamed {
            ensure!(body.ends_with(b"data: [DONE]\n\n"), "a stream without its end");
        }
        let usage = body.windows(9).any(|window| window == b"\"usage\":{");
        ensure!(usage, "an answer without usage");
        Ok(())
    }

    /// Opens so many streams, each read on by a task until the set is dropped; the first event of
    /// each has come.
    pub(crate) async fn hold(&self, streams: u32, local: &LocalSet) -> anyhow::Result<()> {
        let target = Rc::new(self.clone());
        let hold = async {
            let mut opened = Vec::new();
            for _ in 0..streams {
                opened.push(tokio::task::spawn_local(Rc::clone(&target).open()));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            for stream in opened {
                tokio::task::spawn_local(read_on(stream.await??));
            }
            Ok(())
        };
        local.run_until(hold).await
    }

    /// A stream whose first event has come.
    async fn open(self: Rc<Self>) -> anyhow::Result<Incoming> {
        let mut sender = self.connect().await?;
        let answer = sender.send_request(self.request(true)?).await?;
        let mut body = answer.into_body();
        tokio::time::timeout(LIMIT, body.frame()).await?.context("no event")??;
        Ok(body)
    }
}

async fn read_on(mut body: Incoming) {
    while body.frame().await.is_some() {}
}
