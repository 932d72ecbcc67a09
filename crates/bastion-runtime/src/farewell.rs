//! The last words to a peer whose head was not served, and the patience until it has read them.
//!
//! It must never wait for a peer without a limit, nor cut off an answer by closing over its bytes.

use std::io;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use http::Response;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// For the last words, and then for each further bytes of the peer's, or for it to close.
const PATIENCE: Duration = Duration::from_secs(2);

/// For everything that it still sends: many clients read no answer before they have sent it all.
const MAX_READING_AWAY: Duration = Duration::from_secs(15);

/// Most bytes that are read away meanwhile: more than the longest body of the default settings.
const MAX_READ_AWAY_BYTES: usize = 64 * 1024 * 1024;

/// What is read away at once, in bytes.
const READ_AWAY_STEP_BYTES: usize = 64 * 1024;

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
        stream.shutdown().await
    };
    let left = match tokio::time::timeout(PATIENCE, told).await {
        Ok(Ok(())) => {
            let all = read_away(&mut stream);
            tokio::time::timeout(MAX_READING_AWAY, all).await.unwrap_or(Ok(()))
        }
        Ok(failed) => failed,
        Err(_) => Ok(()),
    };
    if let Err(cause) = left {
        tracing::trace!(%cause, "a peer left before its last answer");
    }
}

/// Until the peer closes, is silent for too long, or has sent too much.
async fn read_away<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<()> {
    let mut step = vec![0; READ_AWAY_STEP_BYTES];
    let mut read_bytes = 0_usize;
    while read_bytes < MAX_READ_AWAY_BYTES {
        match tokio::time::timeout(PATIENCE, stream.read(&mut step)).await {
            Ok(Ok(0)) | Err(_) => break,
            Ok(more) => read_bytes = read_bytes.saturating_add(more?),
        }
    }
    Ok(())
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

    #[tokio::test]
    async fn a_long_body_that_was_refused_is_read_away_to_its_end() {
        let (mut near, far) = tokio::io::duplex(64 * 1024);
        let body = vec![b'a'; 40 * 1024 * 1024];
        let sent = async {
            near.write_all(&body).await.unwrap();
            near.shutdown().await.unwrap();
            let mut text = String::new();
            near.read_to_string(&mut text).await.unwrap();
            text
        };
        let ((), text) = tokio::join!(farewell(far, Some(Response::new(Bytes::new()))), sent);
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    }
}
