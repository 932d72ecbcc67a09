//! The accept loop: one for each listener, onto this runtime or onto several threads.
//!
//! It must never accept more than `max_connections`, and never spin when the system refuses.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connection::{ConnectionLimits, serve};
use crate::{Drain, Handler, Listener, Tasks, Threads};

/// Pause after the system refused a connection (no file handles left, mostly).
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// Accepts onto the runtime that runs this, until the drain begins; then waits for what runs.
pub async fn accept_here<H: Handler>(
    listener: Listener,
    handler: Arc<H>,
    limits: ConnectionLimits,
    drain: Drain,
) {
    let tasks = Tasks::new();
    let mut accepting = Accepting::new(listener, limits, drain.clone());
    while let Some((stream, peer, place)) = accepting.next().await {
        let served = serve((stream, peer), Arc::clone(&handler), (limits, None), drain.clone());
        tasks.spawn(async move {
            served.await;
            drop(place);
        });
    }
    drop(accepting);
    tasks.finished().await;
}

/// Accepts here and hands each connection to the least busy thread, until the drain begins.
pub async fn accept_onto(
    listener: Listener,
    threads: &Threads,
    limits: ConnectionLimits,
    drain: Drain,
) {
    let mut accepting = Accepting::new(listener, limits, drain);
    while let Some((stream, peer, place)) = accepting.next().await {
        match stream.into_std() {
            Ok(stream) => threads.hand_over(stream, peer, place).await,
            Err(cause) => tracing::debug!(%cause, "a connection was gone before it was served"),
        }
    }
}

struct Accepting {
    listener: Listener,
    places: Arc<Semaphore>,
    drain: Drain,
}

impl Accepting {
    fn new(listener: Listener, limits: ConnectionLimits, drain: Drain) -> Accepting {
        Accepting { listener, places: Arc::new(Semaphore::new(limits.max_connections)), drain }
    }

    /// The next connection and its place; none once the drain has begun.
    async fn next(&mut self) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let drain = self.drain.clone();
        tokio::select! {
            () = drain.begun() => None,
            accepted = self.accept() => accepted,
        }
    }

    async fn accept(&self) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        loop {
            match self.listener.tcp.accept().await {
                Ok((stream, peer)) => return Some((stream, peer, place)),
                Err(cause) if cause.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(cause) => {
                    tracing::warn!(%cause, "the system refuses connections; raise the limit of open files");
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
            }
        }
    }
}
