//! The last words to a peer whose head was not served, and the patience until it has read them.
//!
//! It must never wait for a peer without a limit, nor cut off an answer by closing over its bytes.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// For the last words, and then for the peer to read them and close.
const PATIENCE: Duration = Duration::from_secs(2);

/// Most bytes that are read away meanwhile.
const MAX_READ_AWAY_BYTES: u64 = 16 * 1024 * 1024;

/// Tells the peer what is still to be told, ends our side, and reads away what it still sends: a
/// close over unread bytes would take the last answer from it (RFC 9112, 9.6).
pub(crate) async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    last_words: Option<Response<Bytes>>,
) {
    let told = async {
        if let Some(response) = last_words {
            stream.write_all(&as_bytes(response)).await?;
        }
        stream.shutdown().await?;
        let mut rest = (&mut stream).take(MAX_READ_AWAY_BYTES);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    if let Ok(Err(cause)) = tokio::time::timeout(PATIENCE, told).await {
        tracing::trace!(%cause, "a peer left before its last answer");
    }
}

/// An answer as HTTP/1.1 writes it; the connection ends behind it.
fn as_bytes(response: Response<Bytes>) -> Bytes {
    let (head, body) = response.into_parts();
    let mut text = BytesMut::with_capacity(512 + body.len());
    let reason = head.status.canonical_reason().unwrap_or_default();
    text.put_slice(format!("HTTP/1.1 {} {reason}\r\n", head.status.as_str()).as_bytes());
    for (name, value) in &head.headers {
        text.put_slice(name.as_str().as_bytes());
        text.put_slice(b": ");
        text.put_slice(value.as_bytes());
        text.put_slice(b"\r\n");
    }
    let length = body.len();
    text.put_slice(format!("connection: close\r\ncontent-length: {length}\r\n\r\n").as_bytes());
    text.put_slice(&body);
    text.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_last_words_are_a_whole_answer() {
        let (mut near, far) = tokio::io::duplex(1024);
        near.write_all(b"what nobody reads").await.unwrap();
        let mut response = Response::new(Bytes::from_static(b"{}"));
        *response.status_mut() = http::StatusCode::BAD_REQUEST;
        let read = async {
            let mut text = String::new();
            near.read_to_string(&mut text).await.unwrap();
            drop(near);
            text
        };
        let ((), text) = tokio::join!(farewell(far, Some(response)), read);
        assert_eq!(
            text,
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}"
        );
    }
}
