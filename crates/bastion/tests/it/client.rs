//! The noun `Client`: a caller that sends requests well formed or not, and reads what comes.
//!
//! It must never mend what it is told to send.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bastion::{Key, LIMIT};

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and the envelope's code, after a look at the whole envelope.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let body = self.json();
        let error = &body["error"];
        let id = self.header("x-request-id");
        assert!(id.starts_with("req_"), "no request id: {:?}", self.headers);
        assert!(error["message"].as_str().unwrap().contains(id), "{body}");
        assert!(error["type"].is_string() && body.as_object().unwrap().len() == 1, "{body}");
        (self.status, error["code"].as_str().unwrap().to_owned())
    }
}

/// A chat request, and the same streamed.
pub(crate) const CHAT: &str =
    r#"{"model":"gpt-oss-20b","messages":[{"role":"user","content":"x"}],"max_tokens":60}"#;
pub(crate) const STREAM: &str = r#"{"model":"gpt-oss-20b","messages":[{"role":"user","content":"x"}],"max_tokens":60,"stream":true}"#;

/// A caller of one listener.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    address: SocketAddr,
    key: String,
}

impl Client {
    /// With this key.
    pub(crate) fn new(address: SocketAddr, key: &Key) -> Client {
        Client { address, key: key.text.clone() }
    }

    /// With this text as its key.
    pub(crate) fn with_text(address: SocketAddr, key: &str) -> Client {
        Client { address, key: key.to_owned() }
    }

    /// `GET path`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        whole(self.open(self.request("GET", path, &[]).body(Full::default()).unwrap()).await).await
    }

    /// `POST path` with JSON and more headers.
    pub(crate) async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        whole(self.stream(path, headers, body).await).await
    }

    /// `POST /v1/chat/completions`.
    pub(crate) async fn chat(&self, body: &str) -> Answer {
        self.post("/v1/chat/completions", &[], body.to_owned()).await
    }

    /// A streamed chat call, its body still to be read: dropping it is leaving.
    pub(crate) async fn open_stream(&self) -> Response<Incoming> {
        self.stream("/v1/chat/completions", &[], STREAM).await
    }

    /// A chat call's status and body, or where it broke.
    pub(crate) async fn try_chat(&self, body: &'static str) -> Result<(u16, Bytes), String> {
        self.attempt(body).await.map(|answer| (answer.status, answer.body))
    }

    /// A chat call's answer, or where it broke.
    pub(crate) async fn attempt(&self, body: &'static str) -> Result<Answer, String> {
        let request = self.request("POST", "/v1/chat/completions", &[]);
        let request = request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap();
        let talk = async {
            let stream = TcpStream::connect(self.address).await.map_err(|e| e.to_string())?;
            let (mut sender, connection) =
                http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
            drop(bastion_runtime::Tasks::new().spawn(connection));
            let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
            let (head, body) = response.into_parts();
            let body = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
            Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
        };
        tokio::time::timeout(LIMIT, talk).await.expect("the call hangs")
    }

    /// `POST path`, the body still to be read: dropping it is leaving.
    pub(crate) async fn stream(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Incoming> {
        self.open(self.request("POST", path, headers).body(Full::new(body.into())).unwrap()).await
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> http::request::Builder {
        let mut request =
            Request::builder().method(method).uri(path).header("host", self.address.to_string());
        if headers.iter().all(|(name, _)| *name != "content-type") {
            request = request.header("content-type", "application/json");
        }
        if !self.key.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.key));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
    }

    async fn open(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        // Ends when the answer was read, or when its reader is dropped.
        drop(bastion_runtime::Tasks::new().spawn(connection));
        let answer = tokio::time::timeout(LIMIT, sender.send_request(request)).await;
        answer.expect("no answer within the limit").expect("the connection broke")
    }
}

/// Reads an answer to its end.
pub(crate) async fn whole(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    let body = tokio::time::timeout(LIMIT, body.collect()).await.expect("the answer hangs");
    let body = body.expect("the answer was cut").to_bytes();
    Answer { status: head.status.as_u16(), headers: head.headers, body }
}

/// The next piece of a body that is read on; none at its end.
pub(crate) async fn piece(body: &mut Incoming) -> Option<Bytes> {
    loop {
        let frame = tokio::time::timeout(LIMIT, body.frame()).await.expect("the body hangs")?;
        if let Ok(data) = frame.expect("the body was cut").into_data() {
            return Some(data);
        }
    }
}

/// Sends bytes as they are and reads until the other side closes, within the limit.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut read = Vec::new();
    let (mut from, mut to) = stream.split();
    // The other side may close before it has read everything: that is its right.
    let talk = async { tokio::join!(to.write_all(bytes), from.read_to_end(&mut read)) };
    tokio::time::timeout(LIMIT, talk).await.expect("the connection stays open").0.ok();
    String::from_utf8_lossy(&read).into_owned()
}
