//! The noun `Hand`: an upstream whose answers the test writes by hand, byte by byte.
//!
//! It must never send more than it was told, and counts every piece that it could send.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bastion_runtime::Tasks;
use hyper::body::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What follows an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The next request on this connection.
    Keep,
    /// The connection is closed.
    Close,
    /// The connection is reset: what was not read is lost.
    Reset,
    /// Nothing more, on an open connection.
    Stall,
}

/// An upstream that answers each request from its list; the last answer is given ever after.
pub(crate) struct Hand {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// How many requests came.
    pub(crate) requests: Arc<AtomicU64>,
    /// How many pieces were written.
    pub(crate) pieces: Arc<AtomicU64>,
    /// How many connections it has closed.
    pub(crate) closed: watch::Receiver<u64>,
}

struct Play {
    turns: Vec<(Vec<Bytes>, Then)>,
    requests: Arc<AtomicU64>,
    written: Arc<AtomicU64>,
    closed: watch::Sender<u64>,
}

impl Hand {
    /// Answers with these pieces, each written by itself.
    pub(crate) async fn answering(pieces: Vec<Bytes>, then: Then) -> Hand {
        Hand::in_turn(vec![(pieces, then)]).await
    }

    /// Answers the first request with the first of these, and so on.
    pub(crate) async fn in_turn(turns: Vec<(Vec<Bytes>, Then)>) -> Hand {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, written) = (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
        let (sender, closed) = watch::channel(0);
        let hand =
            Hand { address, requests: Arc::clone(&requests), pieces: Arc::clone(&written), closed };
        let play = Arc::new(Play { turns, requests, written, closed: sender });
        drop(Tasks::new().spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let play = Arc::clone(&play);
                drop(Tasks::new().spawn(async move { play.serve(stream).await }));
            }
        }));
        hand
    }

    /// A stream of one chunk for each of these texts, ended as a body should be.
    pub(crate) async fn streaming(texts: impl IntoIterator<Item = &[u8]>) -> Hand {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
        let mut pieces = vec![Bytes::from_static(head.as_bytes())];
        pieces.extend(texts.into_iter().map(chunk));
        pieces.push(Bytes::from_static(b"0\r\n\r\n"));
        Hand::answering(pieces, Then::Keep).await
    }

    /// How many pieces were written once no more are for a while.
    pub(crate) async fn stuck(&self) -> u64 {
        let mut last = u64::MAX;
        while self.written() != last || last == 0 {
            last = self.written();
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        last
    }

    /// How many pieces were written so far.
    pub(crate) fn written(&self) -> u64 {
        self.pieces.load(Ordering::Relaxed)
    }

    /// How many requests came so far.
    pub(crate) fn received(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

/// One chunk of a chunked body.
pub(crate) fn chunk(text: &[u8]) -> Bytes {
    [format!("{:x}\r\n", text.len()).as_bytes(), text, b"\r\n"].concat().into()
}

impl Play {
    async fn serve(&self, stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        let mut stream = BufReader::new(stream);
        while request(&mut stream).await.is_some() {
            let earlier = self.requests.fetch_add(1, Ordering::Relaxed);
            let turn = usize::try_from(earlier).unwrap().min(self.turns.len() - 1);
            let (pieces, then) = &self.turns[turn];
            for piece in pieces {
                if stream.get_mut().write_all(piece).await.is_err() {
                    return;
                }
                self.written.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
            match then {
                Then::Keep => {}
                Then::Close => break,
                Then::Reset => {
                    stream.get_ref().set_zero_linger().unwrap();
                    break;
                }
                Then::Stall => std::future::pending().await,
            }
        }
        drop(stream);
        self.closed.send_modify(|closed| *closed += 1);
    }
}

/// Reads a request; none when the connection ends.
async fn request(stream: &mut BufReader<TcpStream>) -> Option<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok().map(drop)
}
