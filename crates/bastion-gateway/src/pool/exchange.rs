//! Sends a request and waits for the answer's head.
//!
//! It must never send a request twice that the upstream may have seen.

use std::sync::Arc;
use std::time::Duration;

use bastion_outbound::{ConnectError, connect};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use rustls::ClientConfig;

use super::Pool;
use super::answer::UpstreamBody;
use super::connection::Connection;
use crate::policy::UpstreamPolicy;

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

/// Sends over an idle connection, or a fresh one when there is none or it turns out to be gone.
/// May be dropped at any time: the connection is then closed.
pub(crate) async fn send(
    pool: &Arc<Pool>,
    (upstream, connect_timeout): (&UpstreamPolicy, Duration),
    mut request: Request<Full<Bytes>>,
) -> Result<Response<UpstreamBody>, ExchangeError> {
    while let Some(mut connection) = pool.take(&upstream.origin) {
        if !connection.is_usable().await {
            continue;
        }
        match attempt(&mut connection, request).await {
            Ok(response) => return Ok(whole(pool, upstream, connection, response)),
            Err(Unsent::GivenBack(given_back)) => request = *given_back,
            Err(Unsent::Lost(cause)) => return Err(cause),
        }
    }
    let address = (upstream.host.as_str(), upstream.port);
    let mut connection = Box::pin(open(address, upstream.tls.as_ref(), connect_timeout)).await?;
    match attempt(&mut connection, request).await {
        Ok(response) => Ok(whole(pool, upstream, connection, response)),
        Err(Unsent::GivenBack(_)) => Err(ExchangeError::Ended),
        Err(Unsent::Lost(cause)) => Err(cause),
    }
}

/// A fresh connection; boxed by its caller: most calls need none.
async fn open(
    address: (&str, u16),
    tls: Option<&Arc<ClientConfig>>,
    timeout: Duration,
) -> Result<Box<Connection>, ExchangeError> {
    let stream = connect(address, tls, timeout).await?;
    Ok(Box::new(Connection::open(stream).await?))
}

enum Unsent {
    /// Not a byte of it left: it may be sent elsewhere.
    GivenBack(Box<Request<Full<Bytes>>>),
    Lost(ExchangeError),
}

async fn attempt(
    connection: &mut Connection,
    request: Request<Full<Bytes>>,
) -> Result<Response<hyper::body::Incoming>, Unsent> {
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

fn whole(
    pool: &Arc<Pool>,
    upstream: &UpstreamPolicy,
    connection: Box<Connection>,
    response: Response<hyper::body::Incoming>,
) -> Response<UpstreamBody> {
    let home = (Arc::clone(pool), Arc::clone(&upstream.origin));
    response.map(|incoming| UpstreamBody::new(incoming, connection, home))
}
