//! Opens a way through an HTTP proxy: CONNECT. Source: RFC 9110, 9.3.6.
//!
//! It must never read a byte behind the proxy's head, which is the target's, and never hand on
//! what a proxy says.

use std::io;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::proxy::Proxy;

/// Why a proxy opens no way.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// The connection to it broke.
    #[error("no connection through the proxy: {0}")]
    Io(#[from] io::Error),
    /// It is there and will not; the variable that names it is told.
    #[error("the proxy refused with status {0}; see {1}")]
    Refused(StatusCode, &'static str),
    /// What it said is no answer to CONNECT.
    #[error("the proxy's answer makes no sense: {0}; see {1}")]
    Nonsense(&'static str, &'static str),
}

/// Longest head of a proxy's answer, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Most headers in it.
const MAX_HEADERS: usize = 64;

const HEAD_END: &[u8] = b"\r\n\r\n";

/// Asks the proxy at the other end of `tcp` for a way to the target.
///
/// # Errors
/// When it answers anything else than 2xx, or too much.
pub(crate) async fn tunnel(
    tcp: &mut TcpStream,
    (host, port): (&str, u16),
    proxy: &Proxy,
) -> Result<(), TunnelError> {
    let authority =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").into_bytes();
    if let Some(value) = proxy.authorization() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    tcp.write_all(&request).await?;
    let nonsense = |why| TunnelError::Nonsense(why, proxy.variable());
    let head = read_head(tcp).await?.map_err(nonsense)?;
    let status = status(&head).ok_or_else(|| nonsense("it is no HTTP/1.1"))?;
    if status.is_success() { Ok(()) } else { Err(TunnelError::Refused(status, proxy.variable())) }
}

/// Reads up to the head's end and not a byte more: looks first, then takes.
async fn read_head(tcp: &mut TcpStream) -> io::Result<Result<Vec<u8>, &'static str>> {
    let mut head = Vec::new();
    let mut seen = [0; 1024];
    while head.len() < MAX_HEAD_BYTES {
        let there = tcp.peek(&mut seen).await?;
        if there == 0 {
            return Ok(Err("it ended before its answer did"));
        }
        let before = head.len();
        head.extend(seen.iter().take(there));
        // The end may have begun in what was there before.
        let from = before.saturating_sub(HEAD_END.len() - 1);
        let found = head.windows(HEAD_END.len()).skip(from).position(|part| part == HEAD_END);
        if let Some(found) = found {
            head.truncate(from + found + HEAD_END.len());
        }
        let mut taken = vec![0; head.len() - before];
        tcp.read_exact(&mut taken).await?;
        if found.is_some() {
            return Ok(Ok(head));
        }
    }
    Ok(Err("its head is longer than 16 KiB"))
}

fn status(head: &[u8]) -> Option<StatusCode> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    answer.parse(head).ok()?;
    StatusCode::from_u16(answer.code?).ok()
}
