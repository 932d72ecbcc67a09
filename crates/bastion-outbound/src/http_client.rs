//! One HTTP client for what is not a call: a request, a bounded answer, a time-out.
//!
//! It must never follow a redirect, never retry, never reuse a connection: it is for few requests.

use std::time::Duration;

use bastion_types::Secret;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::connect::{Way, connect};
use crate::http_error::HttpError;
use crate::open_answer::OpenAnswer;
use crate::tls::{Versions, client_tls};

/// Longest answer that is read.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// For the connection, and again for the answer where no other time is given.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where requests go: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    host: String,
    port: u16,
    tls: bool,
}

/// Why an address cannot be a target.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is not an address like http://127.0.0.1:8081 or https://host")]
pub struct TargetError(String);

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

impl Target {
    /// Reads an address.
    ///
    /// # Errors
    /// When it is not `http://` or `https://` with a host, or has a path.
    pub fn parse(address: &str) -> Result<Target, TargetError> {
        let wrong = || TargetError(address.chars().take(100).collect());
        let uri: Uri = address.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().filter(|a| !a.as_str().contains('@')).ok_or_else(wrong)?;
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong());
        }
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Target { host: authority.host().to_owned(), port, tls })
    }
}

/// Sends requests to one target with one bearer token.
pub struct HttpClient {
    target: Target,
    token: Option<Secret>,
    answer_within: Duration,
}

impl HttpClient {
    /// For this target; the token goes along with every request.
    pub fn new(target: Target, token: Option<Secret>) -> HttpClient {
        HttpClient { target, token, answer_within: TIMEOUT }
    }

    /// Waits so long for an answer, instead of 30 seconds.
    #[must_use]
    pub fn answered_within(self, answer_within: Duration) -> HttpClient {
        HttpClient { answer_within, ..self }
    }

    /// Sends one request; a body is JSON.
    ///
    /// # Errors
    /// When there is no connection, no answer in time, or a broken one.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Answer, HttpError> {
        let request = self.request(method, path, body)?;
        let tls = if self.target.tls { Some(client_tls(Versions::Http11, None)?) } else { None };
        let Target { host, port, .. } = &self.target;
        let way = Way { host, port: *port, tls: tls.as_ref(), proxy: None };
        let stream = connect(way, TIMEOUT).await?;
        let exchange = exchange(TokioIo::new(stream), request);
        tokio::time::timeout(self.answer_within, exchange).await.map_err(|_| HttpError::TimedOut)?
    }

    /// Sends one request and returns with the answer's head; `headers` go along. No time-out but
    /// the connection's: whoever reads the answer brings a limit.
    ///
    /// # Errors
    /// When there is no connection, or it breaks before a head has come.
    pub async fn open(
        &self,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<OpenAnswer, HttpError> {
        let mut request = self.request(Method::POST, path, Some(body))?;
        request.headers_mut().extend(headers);
        let tls = if self.target.tls { Some(client_tls(Versions::Http11, None)?) } else { None };
        let Target { host, port, .. } = &self.target;
        let way = Way { host, port: *port, tls: tls.as_ref(), proxy: None };
        let stream = TokioIo::new(connect(way, TIMEOUT).await?);
        let (mut sender, connection) = http1::handshake(stream).await?;
        let mut connection = Box::pin(connection);
        let mut answer = std::pin::pin!(sender.send_request(request));
        let head = tokio::select! {
            head = answer.as_mut() => head?,
            ended = &mut connection => {
                ended?;
                answer.await?
            }
        };
        Ok(OpenAnswer::new(head, connection))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
    ) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, format!("{}:{}", self.target.host, self.target.port));
        if let Some(token) = &self.token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        request.body(Full::new(body.unwrap_or_default()))
    }
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, HttpError>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    let (mut sender, mut connection) = http1::handshake(stream).await?;
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await;
        Ok(Answer { status, body: body.map_err(|_| HttpError::Body)?.to_bytes() })
    };
    let mut answer = std::pin::pin!(answer);
    // The connection moves only while it is polled; when it ends first, the answer still may come.
    tokio::select! {
        answer = answer.as_mut() => return answer,
        ended = &mut connection => ended?,
    }
    answer.await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_an_address_without_a_path() {
        assert!(Target::parse("http://127.0.0.1:8081").is_ok());
        assert!(Target::parse("http://[::1]:8081/").is_ok());
        assert_eq!(Target::parse("https://ops.example").unwrap().port, 443);
        for wrong in ["127.0.0.1:8081", "ftp://x", "http://u:p@x", "http://x/admin", "http://x?a=b"]
        {
            assert!(Target::parse(wrong).is_err(), "{wrong}");
        }
    }
}
