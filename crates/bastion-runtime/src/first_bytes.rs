//! Waits for a connection's first bytes, until they tell HTTP/1 from HTTP/2.
//!
//! It must never take them: hyper reads them again. It has no limit of its own: its caller has.

use std::time::Duration;

use tokio::net::TcpStream;

/// How HTTP/2 begins. Source: RFC 9113, 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Between two looks at a begin that may still become either; only a peer that dawdles meets it.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstBytes {
    /// Those of HTTP/1, or of nothing that we speak.
    OfHttp1,
    /// Those of HTTP/2.
    OfHttp2,
    /// The peer left before.
    PeerLeft,
}

impl FirstBytes {
    /// Waits for them. May be dropped and called again at any time.
    pub(crate) async fn wait(stream: &TcpStream) -> FirstBytes {
        let mut begin = [0; PREFACE.len()];
        let mut seen = 0;
        loop {
            let came = match stream.peek(&mut begin).await {
                Ok(came) if came > 0 => came,
                Ok(_) | Err(_) => return FirstBytes::PeerLeft,
            };
            if begin.get(..came) != PREFACE.get(..came) {
                return FirstBytes::OfHttp1;
            }
            if came == PREFACE.len() {
                return FirstBytes::OfHttp2;
            }
            if came == seen {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            seen = came;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    async fn check(bytes: &[u8], expect: FirstBytes) {
        let (mut near, far) = pair().await;
        near.write_all(bytes).await.unwrap();
        drop(near);
        assert_eq!(FirstBytes::wait(&far).await, expect, "{bytes:?}");
    }

    #[tokio::test]
    async fn the_first_bytes_that_tell_the_protocol_end_the_wait() {
        check(b"G", FirstBytes::OfHttp1).await;
        check(b"PO", FirstBytes::OfHttp1).await;
        check(PREFACE, FirstBytes::OfHttp2).await;
        check(b"", FirstBytes::PeerLeft).await;
    }

    #[tokio::test]
    async fn a_begin_that_may_become_either_is_waited_for_and_never_taken() {
        let (mut near, far) = pair().await;
        near.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
        let waited = tokio::time::timeout(LOOK_AGAIN * 3, FirstBytes::wait(&far)).await;
        assert!(waited.is_err());
        near.write_all(b"\r\nSM\r\n\r\n").await.unwrap();
        assert_eq!(FirstBytes::wait(&far).await, FirstBytes::OfHttp2);
        let mut begin = [0; PREFACE.len()];
        assert_eq!(far.peek(&mut begin).await.unwrap(), PREFACE.len());
        assert_eq!(&begin, PREFACE);
    }
}
