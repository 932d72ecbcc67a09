//! How long a caller's stop takes to reach the upstream, on each way of leaving.
//!
//! It must never count a stop that the upstream did not see.

mod caller;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::metric::metric;
use crate::out;
use crate::process::Process;
use crate::upstream::Upstream;
use caller::{Caller, How, LIMIT};

/// The bound of the ninety-ninth percentile. Source: issue of the box `streaming.cancel`.
const MUST_MS: f64 = 50.0;

/// Longer than any of this lasts.
const FAR_MS: u64 = 60_000;

/// Attempts that failed so that the next one is to be waited for.
const WAITING: &str = "bastion_attempts_total{upstream=\"bench\",outcome=\"RateLimited\"";

/// Calls that run.
const RUNNING: &str = "bastion_calls_in_flight ";

/// When the caller leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Unstreamed,
    BeforeTheFirstByte,
    MidStream,
    /// While the call waits for its next attempt: no upstream has it, so its end is looked for in
    /// the gateway's own count of running calls.
    BeforeARetry,
}

const WHENS: [When; 4] =
    [When::Unstreamed, When::BeforeTheFirstByte, When::MidStream, When::BeforeARetry];

const HOWS: [How; 3] = [How::Close, How::Reset, How::StreamReset];

/// Who is there.
struct There<'a> {
    upstream: &'a Upstream,
    bastion: &'a Process,
    stopped: mpsc::Receiver<Instant>,
}

/// Leaves so often on each way; true when every one was quick.
pub(crate) async fn run(
    folder: &Path,
    gateway: (&Path, Option<&Path>),
    times: u32,
) -> anyhow::Result<bool> {
    let (tell, stopped) = mpsc::channel(64);
    let upstream = Arc::new(Upstream::telling(tell));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = Arc::clone(&upstream).serve(listener);
    let measured = async {
        let bastion = Process::bastion(folder, gateway, address)?;
        let mut there = There { upstream: &upstream, bastion: &bastion, stopped };
        let mut met = true;
        for when in WHENS {
            for how in HOWS {
                let took = there.leave_often((when, how), times).await;
                let took = took.with_context(|| format!("{when:?}, {how:?}"))?;
                met &= tell_one((when, how), took);
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
        "stop  {:<20} {:<11} {:>4} times  p50 {p50:>6.2} ms  p99 {p99:>6.2} ms  must {MUST_MS} ms  {verdict}",
        format!("{when:?}"),
        format!("{how:?}"),
        took.len()
    ));
    met
}

impl There<'_> {
    async fn leave_often(&mut self, way: (When, How), times: u32) -> anyhow::Result<Vec<Duration>> {
        let mut took = Vec::new();
        for _ in 0..times {
            took.push(self.leave(way).await?);
        }
        Ok(took)
    }

    async fn leave(&mut self, (when, how): (When, How)) -> anyhow::Result<Duration> {
        let Process { address, key, .. } = self.bastion;
        match when {
            When::Unstreamed | When::BeforeTheFirstByte => self.upstream.set(FAR_MS, 1, 0),
            When::MidStream => self.upstream.set(0, 100, FAR_MS),
            When::BeforeARetry => self.upstream.refuse(),
        }
        let (requests, waited) = (self.upstream.requests(), self.waiting().await?);
        let mut caller = Caller::ask(*address, key, (how, when != When::Unstreamed)).await?;
        if when == When::MidStream {
            caller = caller.read_on().await?;
        }
        let began = Instant::now();
        while self.upstream.requests() == requests
            || (when == When::BeforeARetry && self.waiting().await? == waited)
        {
            ensure!(began.elapsed() < LIMIT, "the request did not arrive");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let left = Instant::now();
        let kept = caller.leave(how)?;
        let seen = self.seen(when).await?;
        drop(kept);
        Ok(seen.saturating_duration_since(left))
    }

    /// When it was seen that the caller had left.
    async fn seen(&mut self, when: When) -> anyhow::Result<Instant> {
        let seen = async {
            if when != When::BeforeARetry {
                return self.stopped.recv().await.context("the upstream ended");
            }
            while metric(self.bastion.operators, RUNNING).await? > 0 {}
            Ok(Instant::now())
        };
        tokio::time::timeout(LIMIT, seen).await.context("nobody saw the stop")?
    }

    async fn waiting(&self) -> anyhow::Result<u64> {
        metric(self.bastion.operators, WAITING).await
    }
}
