//! Gateways that do wrong, planted before the simulated upstream: each drill must notice its own.
//!
//! It must never pass a drill that the fault should fail; the real gateway's passes are shown by the
//! binary's tests.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bastion_config::{Breaker, Retry};
use bastion_runtime::{Drain, Tasks};
use bastion_sim::{Sim, SimOptions};
use bastion_types::{ApiKey, EnvironmentName, ModelName, Span};
use bastion_wire::Backoff;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::course::Course;
use crate::drills;
use crate::findings::Findings;
use crate::progress::Progress;
use crate::rehearsal::Rehearsal;

/// What a planted gateway does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It hands everything on, once, and leaves with its caller.
    None,
    /// It sends a 429 again at once.
    Hasty,
    /// It sends again whatever was refused.
    Stubborn,
    /// It tries failures again, with no wait between.
    AtOnce,
    /// It tries failures again behind waits that double and have full jitter.
    Patient,
    /// It reads on for so long when its caller has left.
    Slow(Duration),
}

/// Attempts of a call where failures are tried again.
const ATTEMPTS: u32 = 3;

/// How they are said to wait: longer than a busy machine is late.
const BASE: Span = Span::from_millis(100);
const CAP: Span = Span::from_secs(3);

/// Requests are small; a head and its body come in one piece or a few.
const MAX_REQUEST_BYTES: usize = 64 * 1024;

/// One call of a planted gateway.
async fn serve(mut caller: TcpStream, upstream: SocketAddr, fault: Fault) {
    let Some(request) = request(&mut caller).await else { return };
    if matches!(fault, Fault::AtOnce | Fault::Patient) {
        return retry(caller, upstream, (request, fault)).await;
    }
    let sent = TcpStream::connect(upstream).await.unwrap();
    let (mut from, mut to) = sent.into_split();
    to.write_all(&request).await.unwrap();
    let mut first = vec![0; MAX_REQUEST_BYTES];
    let length = from.read(&mut first).await.unwrap();
    first.truncate(length);
    let status = String::from_utf8_lossy(first.get(9..12).unwrap_or_default()).into_owned();
    let again = match fault {
        Fault::Hasty => status == "429",
        Fault::Stubborn => status.starts_with('4'),
        Fault::None | Fault::AtOnce | Fault::Patient | Fault::Slow(_) => false,
    };
    if again {
        let mut second = TcpStream::connect(upstream).await.unwrap();
        second.write_all(&request).await.unwrap();
        drop(tokio::io::copy(&mut second, &mut caller).await);
        return;
    }
    let (mut left, mut answer) = caller.into_split();
    answer.write_all(&first).await.unwrap();
    let mut nothing = [0; 1];
    tokio::select! {
        _ = tokio::io::copy(&mut from, &mut answer) => {}
        _ = left.read(&mut nothing) => {
            if let Fault::Slow(reads_on) = fault {
                tokio::time::sleep(reads_on).await;
            }
        }
    }
}

/// One call of a planted gateway that tries failures again.
async fn retry(mut caller: TcpStream, upstream: SocketAddr, (request, fault): (Vec<u8>, Fault)) {
    let backoff = Backoff { base: BASE.duration(), cap: CAP.duration() };
    for attempt in 1..=ATTEMPTS {
        let mut sent = TcpStream::connect(upstream).await.unwrap();
        sent.write_all(&request).await.unwrap();
        let mut answer = Vec::new();
        sent.read_to_end(&mut answer).await.unwrap();
        if answer.starts_with(b"HTTP/1.1 200") || attempt == ATTEMPTS {
            let answer = String::from_utf8(answer).unwrap();
            let no_more = "\r\nx-should-retry: false\r\n";
            return caller.write_all(answer.replacen("\r\n", no_more, 1).as_bytes()).await.unwrap();
        }
        if fault == Fault::Patient {
            tokio::time::sleep(backoff.wait(attempt, fastrand::u32(..))).await;
        }
    }
}

/// A whole request, which will not be followed by another.
async fn request(caller: &mut TcpStream) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let length = caller.read(&mut piece).await.ok().filter(|length| *length > 0)?;
        read.extend_from_slice(&piece[..length]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            let (line, rest) = text.split_once("\r\n").unwrap();
            return Some(format!("{line}\r\nconnection: close\r\n{rest}").into_bytes());
        }
    }
}

/// What a drill finds at a gateway with this fault.
async fn found(drill: &str, fault: Fault) -> Findings {
    let sim = Sim::bind(SimOptions::default()).unwrap();
    let (upstream, log, controls) = (sim.address(), sim.log(), sim.controls());
    let (tasks, drain) = (Tasks::new(), Drain::new());
    drop(tasks.spawn(Box::pin(sim.serve(drain.clone()))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let callers = listener.local_addr().unwrap();
    let (serving, until) = (Tasks::new(), drain.clone());
    drop(tasks.spawn(async move {
        loop {
            tokio::select! {
                () = until.begun() => return,
                taken = listener.accept() => {
                    let (caller, _) = taken.unwrap();
                    drop(serving.spawn(serve(caller, upstream, fault)));
                }
            }
        }
    }));
    let model = ModelName::parse("gpt-oss-20b").unwrap();
    let rehearsal = Rehearsal {
        callers,
        key: ApiKey::generate(&EnvironmentName::parse("prod").unwrap()).unwrap(),
        log,
        controls,
        retry: Retry {
            attempts: ATTEMPTS,
            base: BASE,
            cap: CAP,
            total: Span::from_secs(60),
            budget_per_mille: 1000,
            breaker: Breaker { failures: 1000, open: Span::from_secs(1) },
        },
        chat_model: Some(model.clone()),
        responses_model: Some(model),
        surfaces: BTreeMap::new(),
    };
    let progress = Progress::default();
    let course = Course::new(&rehearsal, &progress);
    let drill = drills::ALL.iter().find(|known| known.card().name == drill).unwrap();
    let shown = drill.run(&course).await;
    let findings = Findings::of(shown, course.figures());
    drain.begin();
    tasks.finished().await;
    findings
}

async fn fails(drill: &str, fault: Fault, part: &str) {
    let findings = found(drill, fault).await;
    assert_eq!(findings.outcome, bastion_store::DrillOutcome::Fail, "{findings:?}");
    assert!(findings.reason.contains(part), "{findings:?}");
}

async fn passes(drill: &str, part: &str) {
    passes_with(drill, Fault::None, part).await;
}

async fn passes_with(drill: &str, fault: Fault, part: &str) {
    let findings = found(drill, fault).await;
    assert_eq!(findings.outcome, bastion_store::DrillOutcome::Pass, "{findings:?}");
    assert!(findings.reason.contains(part), "{findings:?}");
}

#[tokio::test]
async fn a_gateway_that_tries_again_at_once_fails_retry() {
    fails("retry", Fault::AtOnce, "behind failure 1 the next attempt came after").await;
    fails("retry", Fault::None, "only 1 of 3 attempts were made").await;
    passes_with("retry", Fault::Patient, "waits that differ and grow").await;
}

#[tokio::test]
async fn a_gateway_that_does_not_wait_fails_retry_after() {
    fails("retry-after", Fault::Hasty, "before the 2 s").await;
    fails("retry-after", Fault::None, "the call was not tried again").await;
}

#[tokio::test]
async fn a_gateway_that_sends_refusals_again_fails_no_4xx_retry() {
    fails("no-4xx-retry", Fault::Stubborn, "a 400 got 2 attempts").await;
    passes("no-4xx-retry", "got one attempt each").await;
}

#[tokio::test]
async fn a_gateway_that_reads_on_fails_cancel() {
    let slow = Fault::Slow(Duration::from_millis(250));
    fails("cancel", slow, "and 100 ms are allowed").await;
    passes("cancel", "the upstream saw its connection close").await;
}

#[tokio::test]
async fn a_gateway_that_hands_on_what_it_gets_fails_store_false() {
    let part = "a call without a word on it arrived without store: false";
    fails("store-false", Fault::None, part).await;
}
