//! The accept loop: one for each listener, onto this runtime or onto several threads.
//!
//! It must never accept more than `max_connections`, and never spin when the system refuses.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::connection::{ConnectionLimits, serve};
use crate::{Drain, Handler, Listener, Tasks, Threads};

/// Pause after the system refused a connection (no file handles left, mostly).
const REFUSED_PAUSE: Duration = Duration::from_millis(50);

/// Accepts onto the runtime that runs this, until the drain begins; then waits for what runs, within the
/// deadline, and cuts the rest.
pub async fn accept_here<H: Handler>(
    listener: Listener,
    handler: Arc<H>,
    (limits, deadline): (ConnectionLimits, Duration),
    drain: Drain,
) {
    let (tasks, cut) = (Tasks::new(), CancellationToken::new());
    let mut accepting = Accepting::new(listener, limits, drain.clone());
    while let Some((stream, peer, place)) = accepting.next().await {
        let served = serve((stream, peer), Arc::clone(&handler), (limits, None), drain.clone());
        let cut = cut.clone();
        tasks.spawn(async move {
            cut.run_until_cancelled(served).await;
            drop(place);
        });
    }
    drop(accepting);
    if tokio::time::timeout(deadline, tasks.finished()).await.is_err() {
        tracing::warn!(left = tasks.running(), "connections that did not end in the drain are cut");
        cut.cancel();
        tasks.finished().await;
    }
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{Request, Response};
    use http_body_util::Full;
    use hyper::body::Incoming;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;

    use super::*;
    use crate::BadHead;

    /// Never answers; tells when it is asked.
    #[derive(Default)]
    struct Silent(Notify);

    impl Handler for Silent {
        type Body = Full<Bytes>;
        type Session = ();

        fn open(&self, _: SocketAddr) {}

        fn refuse_head(&self, _: BadHead) -> Response<Bytes> {
            Response::default()
        }

        async fn answer(
            self: Arc<Self>,
            _: Arc<()>,
            _: Request<Incoming>,
        ) -> Response<Full<Bytes>> {
            self.0.notify_one();
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn who_is_not_answered_holds_no_drain_up() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (address, drain) = (listener.address(), Drain::new());
        let handler = Arc::new(Silent::default());
        let limits = (ConnectionLimits::DEFAULT, Duration::from_millis(50));
        let served = accept_here(listener, Arc::clone(&handler), limits, drain.clone());
        let asked = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
            handler.0.notified().await;
            drain.begin();
            let mut nothing = [0];
            stream.read(&mut nothing).await.unwrap_or(0)
        };
        let both = async { tokio::join!(served, asked) };
        let ended = tokio::time::timeout(Duration::from_secs(20), both).await;
        assert_eq!(ended.expect("the drain hangs").1, 0);
    }
}
