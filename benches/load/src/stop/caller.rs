//! A caller with one call under way, who leaves in the middle.
//!
//! It must never do more than leave: what is not the call's goes on.

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What anything may take before the run fails.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// How.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    Close,
    Reset,
    /// Of the call's HTTP/2 stream; its connection stays.
    StreamReset,
}

type Answer = Response<Incoming>;

/// A call under way.
pub(super) enum Caller {
    Http1(TcpStream),
    Http2 { waits: Pin<Box<dyn Future<Output = hyper::Result<Answer>>>>, kept: Kept },
    Http2Reads { answer: Answer, kept: Kept },
}

/// What is left of a caller who resets a stream: the connection that it was on.
pub(super) struct Kept {
    _sender: SendRequest<Full<Bytes>>,
    _connection: JoinSet<()>,
}

impl Caller {
    /// Sends a request, over HTTP/2 where a stream is to be reset.
    pub(super) async fn ask(
        address: SocketAddr,
        key: &str,
        (how, streamed): (How, bool),
    ) -> anyhow::Result<Caller> {
        let body = format!(r#"{{"model":"bench","messages":[],"stream":{streamed}}}"#);
        let mut stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        if how == How::StreamReset {
            return Caller::over_http2(stream, (address, key), body).await;
        }
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {key}\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).await?;
        Ok(Caller::Http1(stream))
    }

    async fn over_http2(
        stream: TcpStream,
        (address, key): (SocketAddr, &str),
        body: String,
    ) -> anyhow::Result<Caller> {
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        let mut moved = JoinSet::new();
        // How it ends is nobody's news: the call is what is looked at.
        moved.spawn(async { connection.await.unwrap_or_default() });
        let request = Request::post(format!("http://{address}/v1/chat/completions"))
            .header("authorization", format!("Bearer {key}"))
            .body(Full::new(Bytes::from(body)))?;
        let waits = Box::pin(sender.send_request(request));
        Ok(Caller::Http2 { waits, kept: Kept { _sender: sender, _connection: moved } })
    }

    /// Reads the begin of the answer.
    pub(super) async fn read_on(self) -> anyhow::Result<Caller> {
        let read = async {
            match self {
                Caller::Http1(mut stream) => {
                    let mut first = vec![0; 4096];
                    let read = stream.read(&mut first).await?;
                    anyhow::ensure!(read > 0, "the stream did not begin");
                    Ok(Caller::Http1(stream))
                }
                Caller::Http2 { waits, kept } => {
                    let mut answer = waits.await?;
                    answer.frame().await.context("the stream did not begin")??;
                    Ok(Caller::Http2Reads { answer, kept })
                }
                reads @ Caller::Http2Reads { .. } => Ok(reads),
            }
        };
        tokio::time::timeout(LIMIT, read).await.context("no answer")?
    }

    /// Leaves. What it gives is to be kept until the stop was seen.
    pub(super) fn leave(self, how: How) -> anyhow::Result<Option<Kept>> {
        match self {
            Caller::Http1(stream) => {
                if how == How::Reset {
                    stream.set_zero_linger()?;
                }
                Ok(None)
            }
            Caller::Http2 { waits, kept } => {
                drop(waits);
                Ok(Some(kept))
            }
            Caller::Http2Reads { answer, kept } => {
                drop(answer);
                Ok(Some(kept))
            }
        }
    }
}
