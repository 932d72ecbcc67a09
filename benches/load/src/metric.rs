//! A figure of the gateway's own metrics.
//!
//! It must never be read where it would be measured: each look is a request.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The sum of all lines that begin so.
pub(crate) async fn metric(operators: SocketAddr, begin: &str) -> anyhow::Result<u64> {
    let text = get(operators, "/metrics").await?;
    let text = std::str::from_utf8(&text)?;
    let lines = text.lines().filter(|line| line.starts_with(begin));
    let value = |line: &str| {
        let value = line.rsplit_once(' ').map_or("", |(_, value)| value);
        value.parse::<u64>().with_context(|| format!("no number: {line}"))
    };
    lines.map(value).sum()
}

/// What is there, over a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> anyhow::Result<Vec<u8>> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header("host", "bench").body(Empty::<bytes::Bytes>::new())?;
    let asked = async {
        let answer = sender.send_request(request).await?;
        Ok(answer.into_body().collect().await?.to_bytes().to_vec())
    };
    tokio::select! {
        answer = asked => answer,
        ended = connection => {
            ended?;
            bail!("the other side ended")
        }
    }
}
