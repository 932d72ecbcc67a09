//! Opens a connection, plain or TLS, within a time; through a proxy if there is one.
//!
//! It must never go on in plain text where TLS was asked for, and never go around a proxy that
//! it was given.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::proxy::Proxy;
use crate::tls::HTTP2;
use crate::tunnel::{TunnelError, tunnel};

/// Addresses of one name that are tried, in the resolver's order. Each gets an even share of the
/// time that is left, so that a dead first one does not eat it all.
const MAX_ADDRESSES: usize = 8;

/// Why there is no connection. Nothing was sent: a retry is safe.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No answer in time.
    #[error("no connection within {0:?}")]
    TimedOut(Duration),
    /// Refused, unreachable, unknown name.
    #[error("no connection: {0}")]
    Io(#[from] io::Error),
    /// The handshake failed: mostly the certificate.
    #[error("no TLS connection: {0}")]
    Tls(io::Error),
    /// The name cannot stand in a certificate.
    #[error("the host's name cannot be verified by TLS")]
    Name,
    /// The name has no address.
    #[error("the host's name has no address")]
    NoAddress,
    /// The proxy opens no way.
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    /// The connection is there, but no request can go over it: none was processed.
    #[error("the upstream took no request: {0}")]
    NotTaken(String),
}

/// Where a connection leads and how.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    /// A name or an address; an IPv6 address with or without brackets.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// TLS to the host, if any.
    pub tls: Option<&'a Arc<ClientConfig>>,
    /// What stands between, if anything.
    pub proxy: Option<&'a Proxy>,
}

/// A connection, plain or TLS.
pub enum Stream {
    /// Plain TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Did both sides agree on HTTP/2 by ALPN (RFC 7301)? Never true in plain text.
    pub fn agreed_on_http2(&self) -> bool {
        match self {
            Stream::Plain(_) => false,
            Stream::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(HTTP2),
        }
    }
}

/// Connects, within `limit` for name, addresses, proxy and TLS together.
///
/// # Errors
/// When there is no connection within `limit`.
pub async fn connect(way: Way<'_>, limit: Duration) -> Result<Stream, ConnectError> {
    let end = Instant::now() + limit;
    let connected = timeout_at(end, open(way, end)).await;
    connected.unwrap_or(Err(ConnectError::TimedOut(limit)))
}

async fn open(way: Way<'_>, end: Instant) -> Result<Stream, ConnectError> {
    let host = way.host.trim_start_matches('[').trim_end_matches(']');
    let tcp = match way.proxy {
        None => any_address((host, way.port), end).await?,
        Some(proxy) => {
            let mut tcp = any_address(proxy.address(), end).await?;
            tunnel(&mut tcp, (host, way.port), proxy).await?;
            tcp
        }
    };
    let Some(config) = way.tls else { return Ok(Stream::Plain(tcp)) };
    let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::Name)?;
    let connector = TlsConnector::from(Arc::clone(config));
    let tls = connector.connect(name, tcp).await.map_err(ConnectError::Tls)?;
    Ok(Stream::Tls(Box::new(tls)))
}

/// The first address that answers.
async fn any_address(target: (&str, u16), end: Instant) -> Result<TcpStream, ConnectError> {
    let addresses: Vec<_> = lookup_host(target).await?.take(MAX_ADDRESSES).collect();
    first_of(&addresses, end).await
}

async fn first_of(addresses: &[SocketAddr], end: Instant) -> Result<TcpStream, ConnectError> {
    let mut last = ConnectError::NoAddress;
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let share = end.saturating_duration_since(Instant::now()) / left;
        left -= 1;
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => {
                tcp.set_nodelay(true)?;
                return Ok(tcp);
            }
            Ok(Err(cause)) => last = cause.into(),
            Err(_) => last = ConnectError::TimedOut(share),
        }
    }
    Err(last)
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

#[cfg(test)]
mod tests;
