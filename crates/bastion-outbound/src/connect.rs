//! Opens a connection, plain or TLS, straight or through a proxy, within a time.
//!
//! It must never go on in plain text where TLS was asked for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::proxy::Proxy;

/// Why there is no connection. Nothing was sent: a retry is safe.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No answer in time.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    /// Refused, unreachable, unknown name.
    #[error("no connection: {0}")]
    Io(#[from] io::Error),
    /// The proxy on the way gave none; never what it said in its body.
    #[error("the proxy opened no way: {0}")]
    Proxy(String),
    /// The name cannot stand in a certificate.
    #[error("the host's name cannot be verified by TLS")]
    Name,
}

/// A connection, plain or TLS.
pub enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Where to connect, and by which way; made once.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The host's name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS, if it is asked for.
    pub tls: Option<Arc<ClientConfig>>,
    /// The proxy on the way.
    pub proxy: Option<Proxy>,
}

impl Stream {
    /// Did both sides agree on HTTP/2 in the handshake?
    pub fn speaks_http2(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            Stream::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

/// Connects to an origin; with TLS and through a proxy where that is asked for.
///
/// # Errors
/// When there is no connection within `timeout`.
pub async fn connect(origin: &Origin, timeout: Duration) -> Result<Stream, ConnectError> {
    let connected = tokio::time::timeout(timeout, open(origin, timeout)).await;
    connected.unwrap_or(Err(ConnectError::TimedOut(timeout)))
}

async fn open(origin: &Origin, timeout: Duration) -> Result<Stream, ConnectError> {
    let bare = bare(&origin.host);
    let tcp = match &origin.proxy {
        None => reach(bare, origin.port, timeout).await?,
        Some(proxy) => {
            let tcp = reach(bare_of(proxy), proxy.port, timeout).await?;
            tunnel(tcp, proxy, &format!("{}:{}", origin.host, origin.port)).await?
        }
    };
    let Some(config) = &origin.tls else { return Ok(Stream::Plain(tcp)) };
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| ConnectError::Name)?;
    let connector = TlsConnector::from(Arc::clone(config));
    Ok(Stream::Tls(Box::new(connector.connect(name, tcp).await?)))
}

fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

fn bare_of(proxy: &Proxy) -> &str {
    bare(&proxy.host)
}

/// Tries every address of a name; a dead one may not take the time of the others.
async fn reach(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, ConnectError> {
    let addresses: Vec<_> = tokio::net::lookup_host((host, port)).await?.collect();
    let share = timeout / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                tcp.set_nodelay(true)?;
                return Ok(tcp);
            }
            Ok(Err(cause)) => last = cause,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last.into())
}

/// Longest answer of a proxy that is read, in bytes.
const MAX_PROXY_ANSWER_BYTES: usize = 8 * 1024;

/// Most headers of a proxy's answer.
const MAX_PROXY_HEADERS: usize = 64;

/// Asks a proxy for a way. Source: RFC 9110, 9.3.6.
async fn tunnel(mut tcp: TcpStream, proxy: &Proxy, to: &str) -> Result<TcpStream, ConnectError> {
    let mut ask = format!("CONNECT {to} HTTP/1.1\r\nhost: {to}\r\n").into_bytes();
    if let Some(authorization) = &proxy.authorization {
        ask.extend_from_slice(b"proxy-authorization: ");
        ask.extend_from_slice(authorization.as_bytes());
        ask.extend_from_slice(b"\r\n");
    }
    ask.extend_from_slice(b"\r\n");
    tcp.write_all(&ask).await?;
    let mut answer = Vec::with_capacity(512);
    while answer.len() < MAX_PROXY_ANSWER_BYTES {
        if tcp.read_buf(&mut answer).await? == 0 {
            return Err(ConnectError::Proxy("it closed the connection".to_owned()));
        }
        match status_of(&answer) {
            Some(Ok(200..=299)) => return Ok(tcp),
            Some(Ok(status)) => return Err(ConnectError::Proxy(format!("it answered {status}"))),
            Some(Err(why)) => return Err(ConnectError::Proxy(why.to_owned())),
            None => {}
        }
    }
    Err(ConnectError::Proxy("its answer is too long".to_owned()))
}

/// The status of a whole head; none while it is not whole.
fn status_of(answer: &[u8]) -> Option<Result<u16, &'static str>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_PROXY_HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    match head.parse(answer) {
        Ok(httparse::Status::Partial) => None,
        Ok(httparse::Status::Complete(length)) => match head.code {
            // What stands behind a good answer would be the upstream's, who has not been asked yet.
            Some(200..=299) if length < answer.len() => Some(Err("it says more than it should")),
            Some(status) => Some(Ok(status)),
            None => Some(Err("its answer has no status")),
        },
        Err(_) => Some(Err("its answer is no HTTP")),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Plain(tcp) => tcp.is_write_vectored(),
            Stream::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(cx),
        }
    }
}
