//! The noun `Wire`: one caller's connection, whose bytes the test writes and reads by hand.
//!
//! It must never add, mend or hide a byte, and never wait without a limit.

use std::future::Future;
use std::net::SocketAddr;

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::bastion::LIMIT;
use crate::client::Answer;

/// A connection that stays open until it is dropped or the other side closes it.
pub(crate) struct Wire {
    stream: BufReader<TcpStream>,
}

impl Wire {
    /// A new connection.
    pub(crate) async fn open(address: SocketAddr) -> Wire {
        Wire { stream: BufReader::new(TcpStream::connect(address).await.unwrap()) }
    }

    /// Writes these bytes.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.get_mut().write_all(bytes.as_ref())).await.unwrap();
    }

    /// Writes these bytes as far as the other side takes them; it may close before the end.
    pub(crate) async fn send_what_is_taken(&mut self, bytes: impl AsRef<[u8]>) {
        within(self.stream.get_mut().write_all(bytes.as_ref())).await.ok();
    }

    /// Says that nothing more comes; answers can still be read.
    pub(crate) async fn end(&mut self) {
        within(self.stream.get_mut().shutdown()).await.ok();
    }

    /// The next answer, whole; an interim one (1xx) counts as an answer without a body.
    pub(crate) async fn answer(&mut self) -> Answer {
        within(self.read()).await.expect("the connection was closed before an answer")
    }

    /// The next answer, or none when the connection is closed before it.
    pub(crate) async fn answer_or_end(&mut self) -> Option<Answer> {
        within(self.read()).await
    }

    /// Waits until the other side closes; nothing may come before that.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        within(self.stream.read_to_end(&mut rest)).await.ok();
        assert!(rest.is_empty(), "before the end came: {}", String::from_utf8_lossy(&rest));
    }

    async fn read(&mut self) -> Option<Answer> {
        let first = self.line().await?;
        let status = first.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
        let status: u16 = status.unwrap_or_else(|| panic!("no answer: {first:?}")).parse().unwrap();
        let mut headers = HeaderMap::new();
        loop {
            let line = self.line().await.expect("an answer's head was cut");
            let Some((name, value)) = line.split_once(':') else { break };
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_str(value.trim()).unwrap());
        }
        let length = headers.get("content-length").map_or("0", |value| value.to_str().unwrap());
        let mut body = vec![0; length.parse().unwrap()];
        self.stream.read_exact(&mut body).await.expect("an answer's body was cut");
        Some(Answer { status, headers, body: body.into() })
    }

    /// A line without its end; none at the end of the connection.
    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.unwrap_or(0);
        (read > 0).then(|| line.trim_end().to_owned())
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, work).await.expect("the other side hangs")
}
