//! The noun `Server`: HTTP/2 in plain text, each request handed to the test.
//!
//! It must never answer by itself.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bastion_runtime::Tasks;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::Response;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc};

/// What anything may take here before the test fails.
const LIMIT: Duration = Duration::from_secs(20);

pub(super) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.expect("it hangs")
}

/// What the connections that are open now are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Leave,
    Die,
    Freeze,
}

/// A request that came.
pub(super) struct Arrived {
    /// Counted from 1.
    pub(super) connection: usize,
    pub(super) head: http::request::Parts,
    pub(super) respond: SendResponse<Bytes>,
    body: RecvStream,
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) connections: Arc<AtomicUsize>,
    arrived: mpsc::Receiver<Arrived>,
    orders: broadcast::Sender<Order>,
    /// A connection has ended, or is frozen.
    done: mpsc::Receiver<()>,
}

/// What each connection works with.
struct Desk {
    builder: h2::server::Builder,
    connections: Arc<AtomicUsize>,
    arrived: mpsc::Sender<Arrived>,
    orders: broadcast::Sender<Order>,
    done: mpsc::Sender<()>,
}

impl Server {
    pub(super) async fn start() -> Server {
        Server::with(h2::server::Builder::new(), First::Serves).await
    }

    /// With this many streams on a connection.
    pub(super) async fn with_limit(streams: u32) -> Server {
        let mut builder = h2::server::Builder::new();
        builder.max_concurrent_streams(streams);
        Server::with(builder, First::Serves).await
    }

    /// Its first connection says GOAWAY when a request comes, and that it processed none.
    pub(super) async fn that_leaves_first() -> Server {
        Server::with(h2::server::Builder::new(), First::Leaves).await
    }

    async fn with(builder: h2::server::Builder, first: First) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, arrived) = mpsc::channel(256);
        let (end, done) = mpsc::channel(256);
        let (orders, _) = broadcast::channel(8);
        let connections = Arc::new(AtomicUsize::new(0));
        let desk = Arc::new(Desk {
            builder,
            connections: Arc::clone(&connections),
            arrived: tell,
            orders: orders.clone(),
            done: end,
        });
        drop(Tasks::new().spawn(accept(listener, desk, first)));
        Server { address, connections, arrived, orders, done }
    }

    /// The next request.
    pub(super) async fn next(&mut self) -> Arrived {
        within(self.arrived.recv()).await.expect("the server is gone")
    }

    /// GOAWAY: what is open goes on.
    pub(super) fn leave(&self) {
        self.orders.send(Order::Leave).unwrap();
    }

    /// Closes without a word.
    pub(super) fn die(&self) {
        self.orders.send(Order::Die).unwrap();
    }

    /// Reads and writes nothing more.
    pub(super) async fn freeze(&mut self) {
        self.orders.send(Order::Freeze).unwrap();
        within(self.done.recv()).await.unwrap();
    }

    /// Waits until a connection was closed.
    pub(super) async fn closed(&mut self) {
        within(self.done.recv()).await.unwrap();
    }
}

/// How the first connection is served.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    Serves,
    Leaves,
}

async fn accept(listener: TcpListener, desk: Arc<Desk>, first: First) {
    while let Ok((tcp, _)) = listener.accept().await {
        tcp.set_nodelay(true).unwrap();
        let number = desk.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let serving = if number == 1 && first == First::Leaves {
            Tasks::new().spawn(leave_at_the_first_request(tcp))
        } else {
            Tasks::new().spawn(serve(tcp, number, Arc::clone(&desk)))
        };
        drop(serving);
    }
}

async fn serve(tcp: TcpStream, connection: usize, desk: Arc<Desk>) {
    let mut orders = desk.orders.subscribe();
    let Ok(mut http2) = desk.builder.handshake::<_, Bytes>(tcp).await else { return };
    loop {
        let accepted = tokio::select! {
            accepted = http2.accept() => accepted,
            order = orders.recv() => match order {
                Ok(Order::Leave) => { http2.graceful_shutdown(); continue }
                Ok(Order::Die) | Err(_) => None,
                Ok(Order::Freeze) => {
                    desk.done.send(()).await.unwrap();
                    std::future::pending().await
                }
            },
        };
        let Some(Ok((request, respond))) = accepted else { break };
        let (head, body) = request.into_parts();
        desk.arrived.send(Arrived { connection, head, respond, body }).await.ok();
    }
    drop(http2);
    desk.done.send(()).await.ok();
}

impl Arrived {
    /// The request's whole body.
    pub(super) async fn read(&mut self) -> Vec<u8> {
        let mut whole = Vec::new();
        while let Some(piece) = within(self.body.data()).await {
            let piece = piece.unwrap();
            whole.extend_from_slice(&piece);
            self.body.flow_control().release_capacity(piece.len()).unwrap();
        }
        whole
    }

    /// A whole answer.
    pub(super) fn answer(self, body: &'static [u8]) {
        self.begin().send_data(Bytes::from_static(body), true).unwrap();
    }

    /// The answer's head.
    pub(super) fn begin(mut self) -> SendStream<Bytes> {
        self.begin_early()
    }

    /// The same, while the request is still to be read.
    pub(super) fn begin_early(&mut self) -> SendStream<Bytes> {
        self.respond.send_response(Response::new(()), false).unwrap()
    }

    /// No answer.
    pub(super) fn reset(mut self, reason: Reason) {
        self.respond.send_reset(reason);
    }
}

/// Sends as much as it is let, and counts it.
pub(super) async fn send_as_granted(
    mut stream: SendStream<Bytes>,
    mut rest: Bytes,
    sent_bytes: Arc<AtomicUsize>,
) {
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        let granted = poll_fn(|cx| stream.poll_capacity(cx)).await;
        let piece = rest.split_to(granted.unwrap().unwrap().min(rest.len()));
        sent_bytes.fetch_add(piece.len(), Ordering::Relaxed);
        stream.send_data(piece, rest.is_empty()).unwrap();
    }
}

/// A frame of HTTP/2 without a stream. Source: RFC 9113, 4.1.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, 0], payload].concat()
}

/// Kinds of frames, and a flag. Source: RFC 9113, 6.
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;

/// By hand: `h2` always counts a request as processed once it has seen it.
async fn leave_at_the_first_request(mut tcp: TcpStream) {
    let mut preface = [0; 24];
    tcp.read_exact(&mut preface).await.unwrap();
    tcp.write_all(&frame(SETTINGS, 0, &[])).await.unwrap();
    let mut head = [0; 9];
    while tcp.read_exact(&mut head).await.is_ok() {
        let mut payload = vec![0; usize::from(head[1]) * 256 + usize::from(head[2])];
        tcp.read_exact(&mut payload).await.unwrap();
        let answer = match (head[3], head[4]) {
            (SETTINGS, 0) => frame(SETTINGS, ACK, &[]),
            (PING, 0) => frame(PING, ACK, &payload),
            // The last stream processed: 0; the reason: none.
            (HEADERS, _) => frame(GOAWAY, 0, &[0; 8]),
            _ => continue,
        };
        tcp.write_all(&answer).await.ok();
    }
}

/// A server that takes HTTP/2 for a broken HTTP/1.1.
pub(super) async fn old_fashioned() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(Tasks::new().spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            tcp.read_exact(&mut [0; 24]).await.unwrap();
            tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.ok();
            tcp.shutdown().await.ok();
            tcp.read_to_end(&mut Vec::new()).await.ok();
        }
    }));
    address
}

/// A server of HTTP/1.1 that says 'good', with the number of its connections.
pub(super) async fn http1() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    drop(Tasks::new().spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            let good = service_fn(async |_| {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"good"))))
            });
            let serving = hyper::server::conn::http1::Builder::new();
            drop(Tasks::new().spawn(serving.serve_connection(TokioIo::new(tcp), good)));
        }
    }));
    (address, connections)
}
