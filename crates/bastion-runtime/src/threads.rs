//! N threads with a runtime each, for what is hot: a connection lives on one thread.
//!
//! A thread must never wait for disk or for long work; limits that count for the whole process
//! never live here.

mod occupation;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use crate::connection::{ConnectionLimits, serve};
use crate::{Drain, Handler, Tasks, Tls};
use occupation::{Occupation, OwnTime};

/// Connections that wait for a thread to take them over.
const HAND_OVER_PLACES: usize = 256;

/// How long calls that are told to end may take for their last word to their callers.
const TO_TELL: Duration = Duration::from_secs(2);

/// How long calls whose connections are cut then may take to settle what they used.
const TO_SETTLE: Duration = Duration::from_secs(2);

/// A timer that ends before all others of a runtime makes it write to itself and look again, and
/// each idle connection's would be one. With a tick there is always an earlier one: measured with
/// calls of 50 ms that is a write and an `epoll_wait` less for two calls of three.
const TICK: Duration = Duration::from_secs(1);

/// A thread could not be started.
#[derive(Debug, thiserror::Error)]
#[error("a thread could not be started")]
pub struct ThreadError(#[from] io::Error);

struct Handed {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
}

struct Thread {
    queue: mpsc::Sender<Handed>,
    occupation: Arc<Occupation>,
    joined: JoinHandle<()>,
}

/// The threads that serve callers.
pub struct Threads {
    threads: Vec<Thread>,
}

impl Threads {
    /// Starts `count` threads; `make` builds each one's handler on it, with the tasks that the
    /// thread waits for before it ends. With `tls`, nothing else is spoken.
    ///
    /// # Errors
    /// When the system gives no thread or no runtime.
    pub fn start<H, M>(
        count: NonZeroUsize,
        (limits, tls): (ConnectionLimits, Option<Arc<Tls>>),
        drain: &Drain,
        deadline: Duration,
        make: M,
    ) -> Result<Threads, ThreadError>
    where
        H: Handler,
        M: Fn(Tasks) -> H + Clone + Send + 'static,
    {
        let start = |index: usize| {
            let (queue, handed) = mpsc::channel(HAND_OVER_PLACES);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let occupation = Arc::new(Occupation::default());
            let serving = Serving {
                occupation: Arc::clone(&occupation),
                limits,
                tls: tls.clone(),
                drain: drain.clone(),
                deadline,
            };
            let make = make.clone();
            let joined = std::thread::Builder::new()
                .name(format!("callers-{index}"))
                .spawn(move || runtime.block_on(serving.run(handed, make)))?;
            Ok(Thread { queue, occupation, joined })
        };
        let threads = (0..count.get()).map(start).collect::<Result<_, io::Error>>()?;
        Ok(Threads { threads })
    }

    /// To the first thread that has room, else to the one with the fewest open connections; waits
    /// while its queue is full.
    pub(crate) async fn hand_over(
        &self,
        stream: std::net::TcpStream,
        peer: SocketAddr,
        place: OwnedSemaphorePermit,
    ) {
        let with_room = self.threads.iter().find(|thread| thread.occupation.has_room());
        let least = || self.threads.iter().min_by_key(|thread| thread.occupation.open());
        let Some(thread) = with_room.or_else(least) else { return };
        thread.occupation.opened();
        if thread.queue.send(Handed { stream, peer, place }).await.is_err() {
            tracing::error!("a thread of the callers is gone; its connection was dropped");
        }
    }

    /// Waits until every thread has drained; each has the deadline it was started with.
    pub fn join(self) {
        // All of them hear it now: one after the other, each would begin its deadline behind the last.
        let threads: Vec<_> = self.threads.into_iter().map(|thread| thread.joined).collect();
        for joined in threads {
            if joined.join().is_err() {
                tracing::error!("a thread of the callers ended by a panic");
            }
        }
    }
}

/// Calls end themselves and tell their callers; who does not take the word is cut off.
async fn end_now(tasks: &Tasks, cut: &CancellationToken) {
    tracing::warn!(
        left = tasks.running(),
        "the drain's deadline is over; what still runs is ended"
    );
    tasks.stop().say();
    if tokio::time::timeout(TO_TELL, tasks.finished()).await.is_ok() {
        return;
    }
    tracing::warn!(left = tasks.running(), "callers who do not take their last word are cut off");
    cut.cancel();
    if tokio::time::timeout(TO_SETTLE, tasks.finished()).await.is_err() {
        tracing::error!(left = tasks.running(), "what was cut did not come to its end");
    }
}

struct Serving {
    occupation: Arc<Occupation>,
    limits: ConnectionLimits,
    tls: Option<Arc<Tls>>,
    drain: Drain,
    deadline: Duration,
}

impl Serving {
    async fn run<H: Handler>(self, mut handed: mpsc::Receiver<Handed>, make: impl Fn(Tasks) -> H) {
        let tasks = Tasks::new();
        let handler = Arc::new(make(tasks.clone()));
        let mut tick = tokio::time::interval(TICK);
        let mut own_time = OwnTime::new(tokio::runtime::Handle::current().metrics());
        let cut = CancellationToken::new();
        loop {
            tokio::select! {
                biased;
                connection = handed.recv() => match connection {
                    Some(connection) => self.spawn(&tasks, connection, (&handler, &cut)),
                    None => break,
                },
                _ = tick.tick() => own_time.tell(&self.occupation),
            }
        }
        if tokio::time::timeout(self.deadline, tasks.finished()).await.is_err() {
            end_now(&tasks, &cut).await;
        }
    }

    fn spawn<H: Handler>(
        &self,
        tasks: &Tasks,
        connection: Handed,
        (handler, cut): (&Arc<H>, &CancellationToken),
    ) {
        let Handed { stream, peer, place } = connection;
        let occupation = Arc::clone(&self.occupation);
        let handler = Arc::clone(handler);
        let (limits, tls, drain) = (self.limits, self.tls.clone(), self.drain.clone());
        let cut = cut.clone();
        tasks.spawn(async move {
            match tokio::net::TcpStream::from_std(stream) {
                Ok(stream) => {
                    let serving = serve((stream, peer), handler, (limits, tls.as_deref()), drain);
                    // To its calls a connection that is cut is a caller who left: they settle.
                    cut.run_until_cancelled(serving).await;
                }
                Err(cause) => tracing::warn!(%cause, "a connection could not be taken over"),
            }
            occupation.closed();
            drop(place);
        });
    }
}
