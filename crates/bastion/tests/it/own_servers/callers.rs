//! The noun `Callers`: a crowd that calls all the time, and what each call came to.
//!
//! It must never wait longer for a call than a caller would: beyond that the test fails.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::three::{BY_A_LEASE, LOOK_AGAIN};
use crate::client::{CHAT, Client};

/// What one call came to.
#[derive(Debug, Clone)]
pub(super) struct Came {
    /// None: the connection was refused, or broke.
    pub(super) status: Option<u16>,
    pub(super) code: String,
    pub(super) retry_after: String,
    /// The gateway's name for it.
    pub(super) id: String,
    pub(super) took: Duration,
}

/// A crowd that calls until it is told to stop.
pub(super) struct Callers {
    came: Arc<Mutex<Vec<Came>>>,
    ends: Arc<AtomicBool>,
    crowd: JoinSet<()>,
}

impl Callers {
    /// So many callers of each of these.
    pub(super) fn of(clients: &[Client], each: usize) -> Callers {
        let (came, ends) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let mut crowd = JoinSet::new();
        for client in clients.iter().flat_map(|client| std::iter::repeat_n(client, each)) {
            let (client, came, ends) = (client.clone(), Arc::clone(&came), Arc::clone(&ends));
            crowd.spawn(async move {
                while !ends.load(Ordering::Relaxed) {
                    let call = call(&client).await;
                    let broke = call.status.is_none();
                    came.lock().unwrap().push(call);
                    // Who is refused a connection is told at once: a crowd of those hears nothing else.
                    tokio::time::sleep(if broke { LOOK_AGAIN } else { Duration::ZERO }).await;
                }
            });
        }
        Callers { came, ends, crowd }
    }

    /// How many calls have ended.
    pub(super) fn count(&self) -> usize {
        self.came.lock().unwrap().len()
    }

    /// How many of them were answered with 200.
    pub(super) fn answered(&self) -> usize {
        self.came.lock().unwrap().iter().filter(|call| call.status == Some(200)).count()
    }

    /// Waits until so many calls, one behind another, came to this.
    pub(super) async fn come_to(&self, status: Option<u16>, count: usize) {
        let from = self.count();
        let ask = async {
            loop {
                let last: Vec<Option<u16>> = {
                    let came = self.came.lock().unwrap();
                    came[from..].iter().rev().take(count).map(|call| call.status).collect()
                };
                if last.len() == count && last.iter().all(|came| *came == status) {
                    return;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let came = tokio::time::timeout(BY_A_LEASE, ask).await;
        assert!(came.is_ok(), "never {status:?}: {:#?}", self.last(5));
    }

    /// Waits until so many more calls came to this, others in between or not.
    pub(super) async fn meet(&self, status: u16, count: usize) {
        let from = self.count();
        let met = |came: &[Came]| {
            came[from..].iter().filter(|call| call.status == Some(status)).count() >= count
        };
        let ask = async {
            while !met(&self.came.lock().unwrap()) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        let came = tokio::time::timeout(BY_A_LEASE, ask).await;
        assert!(came.is_ok(), "hardly ever {status}: {:#?}", self.last(5));
    }

    /// Waits until so many more have ended.
    pub(super) async fn go_on(&self, count: usize) {
        let until = self.count() + count;
        let ask = async {
            while self.count() < until {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        tokio::time::timeout(BY_A_LEASE, ask).await.expect("the callers hang");
    }

    /// The last ones.
    pub(super) fn last(&self, count: usize) -> Vec<Came> {
        let came = self.came.lock().unwrap();
        came[came.len().saturating_sub(count)..].to_vec()
    }

    /// Lets each end its call; everything that came.
    pub(super) async fn stop(mut self) -> Vec<Came> {
        self.ends.store(true, Ordering::Relaxed);
        while let Some(ended) = self.crowd.join_next().await {
            ended.expect("a call hangs");
        }
        std::mem::take(&mut self.came.lock().unwrap())
    }
}

async fn call(client: &Client) -> Came {
    let began = Instant::now();
    let answer = client.attempt(CHAT).await;
    let took = began.elapsed();
    let Ok(answer) = answer else {
        let nothing = String::new;
        return Came { status: None, code: nothing(), retry_after: nothing(), id: nothing(), took };
    };
    let code = match answer.status {
        200 => String::new(),
        _ => answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned(),
    };
    Came {
        status: Some(answer.status),
        code,
        retry_after: answer.header("retry-after").to_owned(),
        id: answer.header("x-request-id").to_owned(),
        took,
    }
}
