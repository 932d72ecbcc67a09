//! Sends a request and waits for the answer's head.
//!
//! It must never send a request twice that the upstream may have seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bastion_outbound::{ConnectError, connect};
use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;

use super::Pool;
use super::answer::{Link, UpstreamBody};
use super::connection::Connection;
use super::shared::Shared;
use crate::policy::UpstreamPolicy;

/// Fresh connections that are tried for a request which each of them gave back unsent.
const MAX_FRESH: u32 = 2;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// Nothing was sent.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It was sent, perhaps; the upstream's doing is unknown.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// The connection ended without a word.
    #[error("the connection ended before the answer")]
    Ended,
}

/// Where a request goes.
pub(crate) struct Sending<'a> {
    pub(crate) pool: &'a Arc<Pool>,
    pub(crate) upstream: &'a UpstreamPolicy,
    pub(crate) connect_timeout: Duration,
    /// Set once a byte of it may have left.
    pub(crate) sent: &'a AtomicBool,
}

/// Sends over a kept connection, or a fresh one when there is none or it turns out to be gone.
/// May be dropped at any time: the connection, or the stream of a shared one, is then closed.
pub(crate) async fn send(
    sending: Sending<'_>,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<UpstreamBody>, ExchangeError> {
    let Sending { pool, upstream, sent, .. } = sending;
    sent.store(false, Ordering::Relaxed);
    while let Some(mut connection) = pool.take(&upstream.origin) {
        if !connection.is_usable().await {
            continue;
        }
        sent.store(true, Ordering::Relaxed);
        match alone(&mut connection, request).await {
            Ok(response) => return Ok(with_body(&sending, response, Link::Own(connection))),
            Err(Unsent::GivenBack(given_back)) => request = *given_back,
            Err(Unsent::Lost(cause)) => return Err(cause),
        }
    }
    if let Some(shared) = pool.share(&upstream.origin) {
        match beside_others(&sending, &shared, request).await {
            Ok(response) => return Ok(response),
            Err(Unsent::GivenBack(given_back)) => request = *given_back,
            Err(Unsent::Lost(cause)) => return Err(cause),
        }
    }
    Box::pin(send_fresh(sending, request)).await
}

/// Over a new connection; boxed by its caller: most calls need none.
async fn send_fresh(
    sending: Sending<'_>,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<UpstreamBody>, ExchangeError> {
    let Sending { pool, upstream, connect_timeout, sent } = &sending;
    for _ in 0..MAX_FRESH {
        sent.store(false, Ordering::Relaxed);
        let stream = connect(&upstream.way, *connect_timeout).await?;
        let answered = if upstream.prior_http2 || stream.speaks_http2() {
            let shared = Shared::open(stream, &pool.drivers).await?;
            pool.add_shared(Arc::clone(&upstream.origin), shared.clone());
            beside_others(&sending, &shared, request).await
        } else {
            let mut connection = Box::new(Connection::open(stream).await?);
            sent.store(true, Ordering::Relaxed);
            let response = alone(&mut connection, request).await;
            response.map(|response| with_body(&sending, response, Link::Own(connection)))
        };
        match answered {
            Ok(response) => return Ok(response),
            Err(Unsent::GivenBack(given_back)) => request = *given_back,
            Err(Unsent::Lost(cause)) => return Err(cause),
        }
    }
    Err(ExchangeError::Ended)
}

enum Unsent {
    /// Not a byte of it left: it may be sent elsewhere.
    GivenBack(Box<Request<Full<Bytes>>>),
    Lost(ExchangeError),
}

/// Over a connection of our own.
async fn alone(
    connection: &mut Connection,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, Unsent> {
    let sent = connection.sender.try_send_request(request);
    match connection.complete(sent).await {
        Some(Ok(response)) => Ok(response),
        Some(Err(mut failed)) => Err(match failed.take_message() {
            Some(request) => Unsent::GivenBack(Box::new(request)),
            None => Unsent::Lost(failed.into_error().into()),
        }),
        None => Err(Unsent::Lost(ExchangeError::Ended)),
    }
}

/// As a stream of a shared connection.
async fn beside_others(
    sending: &Sending<'_>,
    shared: &Shared,
    mut request: Request<Full<Bytes>>,
) -> Result<Response<UpstreamBody>, Unsent> {
    let in_use = shared.begin();
    let path = request.uri().clone();
    absolute(&mut request, sending.upstream);
    sending.sent.store(true, Ordering::Relaxed);
    match shared.sender.clone().try_send_request(request).await {
        Ok(response) => Ok(with_body(sending, response, Link::Shared { _in_use: in_use })),
        Err(mut failed) => Err(match failed.take_message() {
            Some(mut request) => {
                *request.uri_mut() = path;
                request.headers_mut().insert(HOST, sending.upstream.authority.clone());
                Unsent::GivenBack(Box::new(request))
            }
            None => Unsent::Lost(failed.into_error().into()),
        }),
    }
}

/// HTTP/2 names scheme and authority instead of the `host` header. Source: RFC 9113, 8.3.1.
fn absolute(request: &mut Request<Full<Bytes>>, upstream: &UpstreamPolicy) {
    let scheme = if upstream.way.tls.is_some() { "https" } else { "http" };
    let path = request.uri().path_and_query().cloned();
    let built = Uri::builder()
        .scheme(scheme)
        .authority(upstream.authority.as_bytes())
        .path_and_query(path.map_or_else(|| "/".to_owned(), |path| path.to_string()))
        .build();
    if let Ok(uri) = built {
        *request.uri_mut() = uri;
    }
    request.headers_mut().remove(HOST);
}

fn with_body(
    sending: &Sending<'_>,
    response: Response<Incoming>,
    link: Link,
) -> Response<UpstreamBody> {
    let home = (Arc::clone(sending.pool), Arc::clone(&sending.upstream.origin));
    response.map(|incoming| UpstreamBody::new(incoming, link, home))
}
