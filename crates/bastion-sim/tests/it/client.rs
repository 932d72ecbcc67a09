//! A client of HTTP/1.1 on a plain socket: it sees how an answer ends.
//!
//! It must never mend what the upstream sends.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::upstream::SOON;

pub(crate) const KEY: &str = "qbt_test_key_0123456789";
pub(crate) const CHAT: &str = "/v1/chat/completions";
pub(crate) const PLAIN: &str =
    r#"{"model":"Qwen3-32B","messages":[{"role":"user","content":"a secret prompt"}]}"#;
pub(crate) const STREAM: &str = r#"{"model":"Qwen3-32B","messages":[{"role":"user","content":"a secret prompt"}],"stream":true}"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// All of the promised length, or the last chunk.
    Clean,
    /// The connection ended in the middle.
    Torn,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) end: End,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// The data of each event.
    pub(crate) fn events(&self) -> Vec<&str> {
        let frames = self.text().split("\n\n").filter(|frame| !frame.is_empty());
        frames.map(|frame| frame.strip_prefix("data: ").unwrap()).collect()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }
}

pub(crate) async fn chat(at: SocketAddr, body: &str) -> Reply {
    send(at, "POST", CHAT, Some(KEY), body.as_bytes()).await
}

pub(crate) async fn get(at: SocketAddr, path: &str) -> Reply {
    send(at, "GET", path, Some(KEY), b"").await
}

pub(crate) async fn send(
    at: SocketAddr,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: &[u8],
) -> Reply {
    finish(begin(at, method, path, key, body).await).await
}

/// Sends a form of these fields and a file behind them.
pub(crate) async fn send_form(
    at: SocketAddr,
    path: &str,
    fields: &[(&str, &str)],
    file: &[u8],
) -> Reply {
    let part = |head: String| format!("--x\r\ncontent-disposition: form-data; name={head}");
    let texts = fields.iter().map(|(name, value)| part(format!("{name}\r\n\r\n{value}\r\n")));
    let body = texts.collect::<String>() + &part("file; filename=a\r\n\r\n".to_owned());
    let body = [body.as_bytes(), file, b"\r\n--x--\r\n"].concat();
    let content_type = "content-type: multipart/form-data; boundary=x\r\n";
    finish(begin_with(at, ("POST", path), Some(KEY), (content_type, &body)).await).await
}

/// Reads an answer to the end of its connection.
pub(crate) async fn finish(mut socket: TcpStream) -> Reply {
    let mut raw = Vec::new();
    tokio::time::timeout(SOON, socket.read_to_end(&mut raw)).await.unwrap().unwrap();
    reply(&raw)
}

/// Sends a request and leaves its answer unread.
pub(crate) async fn begin(
    at: SocketAddr,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: &[u8],
) -> TcpStream {
    begin_with(at, (method, path), key, ("", body)).await
}

/// The same with more header lines.
async fn begin_with(
    at: SocketAddr,
    (method, path): (&str, &str),
    key: Option<&str>,
    (lines, body): (&str, &[u8]),
) -> TcpStream {
    let mut socket = TcpStream::connect(at).await.unwrap();
    let key = key.map(|key| format!("authorization: Bearer {key}\r\n")).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: sim\r\nconnection: close\r\n{key}{lines}content-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(body).await.unwrap();
    socket
}

/// Reads until so much of an answer has come that it holds `part`.
pub(crate) async fn read_until(socket: &mut TcpStream, part: &str) -> String {
    let mut raw = Vec::new();
    while !String::from_utf8_lossy(&raw).contains(part) {
        let read = tokio::time::timeout(SOON, socket.read_buf(&mut raw)).await.unwrap().unwrap();
        assert_ne!(read, 0, "ended before {part}: {}", String::from_utf8_lossy(&raw));
    }
    String::from_utf8(raw).unwrap()
}

fn reply(raw: &[u8]) -> Reply {
    let split = raw.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8(raw[..split].to_vec()).unwrap();
    let rest = &raw[split + 4..];
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let lower = head.to_lowercase();
    let (body, end) = if lower.contains("transfer-encoding: chunked") {
        unchunked(rest)
    } else {
        let length = lower.split("content-length: ").nth(1);
        let length = length.and_then(|text| text.lines().next()).map_or(0, |n| n.parse().unwrap());
        (rest.to_vec(), if rest.len() == length { End::Clean } else { End::Torn })
    };
    Reply { status, head, body, end }
}

fn unchunked(mut rest: &[u8]) -> (Vec<u8>, End) {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|bytes| bytes == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return (body, End::Clean);
        }
        let Some(chunk) = rest.get(line + 2..line + 2 + size) else { break };
        body.extend_from_slice(chunk);
        rest = rest.get(line + 4 + size..).unwrap_or_default();
    }
    (body, End::Torn)
}
