//! How long a caller's stop takes to reach the upstream, on each way of leaving.
//!
//! It must never count a stop that the upstream did not see.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::out;
use crate::process::Process;
use crate::upstream::Upstream;

/// What the upstream may take to see it before the run fails.
const LIMIT: Duration = Duration::from_secs(5);

/// The bound of the ninety-ninth percentile. Source: issue of the box `streaming.cancel`.
const MUST_MS: f64 = 50.0;

/// When the caller leaves.
#[derive(Debug, Clone, Copy)]
enum When {
    Unstreamed,
    BeforeTheFirstByte,
    MidStream,
}

/// How.
#[derive(Debug, Clone, Copy)]
enum How {
    Close,
    Reset,
}

/// Leaves so often on each way; true when every one was quick.
pub(crate) async fn run(folder: &Path, binary: &Path, times: u32) -> anyhow::Result<bool> {
    let (tell, mut stopped) = mpsc::channel(64);
    let upstream = Arc::new(Upstream::telling(tell));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = Arc::clone(&upstream).serve(listener);
    let measured = async {
        let bastion = Process::bastion(folder, binary, address)?;
        let mut met = true;
        for when in [When::Unstreamed, When::BeforeTheFirstByte, When::MidStream] {
            for how in [How::Close, How::Reset] {
                let took = leave_often((&upstream, &bastion), (when, how), &mut stopped, times);
                met &= tell_one((when, how), took.await?);
            }
        }
        anyhow::Ok(met)
    };
    tokio::select! {
        () = serving => anyhow::bail!("the upstream ended"),
        measured = measured => measured,
    }
}

fn tell_one((when, how): (When, How), mut took: Vec<Duration>) -> bool {
    took.sort_unstable();
    let at = |share: usize| {
        let index = (took.len() * share / 100).min(took.len().saturating_sub(1));
        took.get(index).copied().unwrap_or_default().as_secs_f64() * 1000.0
    };
    let (p50, p99) = (at(50), at(99));
    let met = p99 < MUST_MS;
    let verdict = if met { "met" } else { "MISSED" };
    out::line(&format!(
        "stop  {:<20} {:<6} {:>4} times  p50 {p50:>6.2} ms  p99 {p99:>6.2} ms  must {MUST_MS} ms  {verdict}",
        format!("{when:?}"),
        format!("{how:?}"),
        took.len()
    ));
    met
}

async fn leave_often(
    there: (&Upstream, &Process),
    way: (When, How),
    stopped: &mut mpsc::Receiver<Instant>,
    times: u32,
) -> anyhow::Result<Vec<Duration>> {
    let mut took = Vec::new();
    for _ in 0..times {
        took.push(leave(there, way, stopped).await?);
    }
    Ok(took)
}

async fn leave(
    (upstream, bastion): (&Upstream, &Process),
    (when, how): (When, How),
    stopped: &mut mpsc::Receiver<Instant>,
) -> anyhow::Result<Duration> {
    let far_ms = 60_000;
    match when {
        When::Unstreamed | When::BeforeTheFirstByte => upstream.set(far_ms, 1, 0),
        When::MidStream => upstream.set(0, 100, far_ms),
    }
    let before = upstream.requests();
    let mut caller = ask(bastion.address, &bastion.key, !matches!(when, When::Unstreamed)).await?;
    if matches!(when, When::MidStream) {
        let mut first = vec![0; 4096];
        let read = tokio::time::timeout(LIMIT, caller.read(&mut first)).await??;
        ensure!(read > 0, "the stream did not begin");
    }
    let began = Instant::now();
    while upstream.requests() == before {
        ensure!(began.elapsed() < LIMIT, "the request did not arrive");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    if matches!(how, How::Reset) {
        caller.set_zero_linger()?;
    }
    let left = Instant::now();
    drop(caller);
    let seen = tokio::time::timeout(LIMIT, stopped.recv()).await;
    let seen = seen.context("the upstream saw no stop")?.context("the upstream ended")?;
    Ok(seen.saturating_duration_since(left))
}

async fn ask(address: SocketAddr, key: &str, streamed: bool) -> anyhow::Result<TcpStream> {
    let body = format!(r#"{{"model":"bench","messages":[],"stream":{streamed}}}"#);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut caller = TcpStream::connect(address).await?;
    caller.set_nodelay(true)?;
    caller.write_all((head + &body).as_bytes()).await?;
    Ok(caller)
}
