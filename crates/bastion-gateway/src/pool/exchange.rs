//! Sends a request and waits for the answer's head.
//!
//! It must never send a request twice that the upstream may have processed.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bastion_outbound::{ConnectError, Versions, Way, connect};
use http::uri::Scheme;
use http::{Request, Response};
use tokio::time::timeout;

use super::answer::UpstreamBody;
use super::connection::Connection;
use super::http1_body::Http1Body;
use super::http2::{Place, Shared};
use super::http2_stream::{Http2Request, Unanswered};
use super::{Pool, Taken};
use crate::outgoing::Outgoing;
use crate::policy::UpstreamPolicy;

/// How often a request is sent in one attempt, while HTTP/2 upstreams say that they did not take
/// it (GOAWAY, `REFUSED_STREAM`).
const MAX_SENDINGS: u32 = 3;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// Nothing was processed.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Not a byte of it left.
    #[error("the connection was closed before the request was sent")]
    Unsent,
    /// It was sent, perhaps; the upstream's doing is unknown.
    #[error("the connection broke: {0}")]
    Broken(#[from] Break),
    /// The connection ended without a word.
    #[error("the connection ended before the answer")]
    Ended,
}

/// How it broke.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) enum Break {
    /// Over HTTP/1.1.
    Http1(#[from] hyper::Error),
    /// Over HTTP/2.
    Http2(#[from] h2::Error),
}

/// Where a request goes, and how.
#[derive(Clone, Copy)]
pub(crate) struct Sending<'a> {
    /// The thread's connections.
    pub(crate) pool: &'a Arc<Pool>,
    /// Who is asked.
    pub(crate) upstream: &'a UpstreamPolicy,
    /// How long connecting may take.
    pub(crate) connect_timeout: Duration,
    /// Set once a byte of the request may have left; not set when it begins.
    pub(crate) sent: &'a AtomicBool,
}

/// Sends over a connection that is there, or a fresh one when there is none or it turns out to be
/// gone. May be dropped at any time: the connection is then closed, or the stream reset.
pub(crate) async fn send(
    sending: Sending<'_>,
    mut request: Request<Outgoing>,
) -> Result<Response<UpstreamBody>, ExchangeError> {
    let Sending { pool, upstream, sent, .. } = sending;
    let origin = &upstream.origin;
    while let Some(taken) = pool.take(origin) {
        let mut connection = match taken {
            Taken::Alone(connection) => connection,
            Taken::Shared(place) => return Box::pin(share(sending, place, request)).await,
        };
        if !connection.is_usable().await {
            continue;
        }
        sent.store(true, Ordering::Relaxed);
        match attempt(&mut connection, request).await {
            Ok(response) => return Ok(whole(pool, origin, connection, response)),
            Err(Unsent::GivenBack(given_back)) => request = *given_back,
            Err(Unsent::Lost(cause)) => return Err(cause),
        }
    }
    // Boxed: most calls need no fresh connection.
    sent.store(false, Ordering::Relaxed);
    Box::pin(send_afresh(sending, request)).await
}

async fn send_afresh(
    sending: Sending<'_>,
    request: Request<Outgoing>,
) -> Result<Response<UpstreamBody>, ExchangeError> {
    let mut connection = match connected(sending).await? {
        Taken::Alone(connection) => connection,
        Taken::Shared(place) => return share(sending, place, request).await,
    };
    sending.sent.store(true, Ordering::Relaxed);
    match attempt(&mut connection, request).await {
        Ok(response) => Ok(whole(sending.pool, &sending.upstream.origin, connection, response)),
        Err(Unsent::GivenBack(_)) => Err(ExchangeError::Unsent),
        Err(Unsent::Lost(cause)) => Err(cause),
    }
}

/// A fresh connection. Where it may turn out to be one that many can share, only one call opens
/// it; the others wait for that, as long as they would for a connection of their own.
async fn connected(sending: Sending<'_>) -> Result<Taken, ExchangeError> {
    let Sending { pool, upstream, connect_timeout: limit, .. } = sending;
    let may_share = match upstream.versions {
        Versions::Auto => upstream.tls.is_some(),
        Versions::Http11 => false,
        Versions::Http2 => true,
    };
    let opening = if may_share { pool.opening(Arc::clone(&upstream.origin)) } else { None };
    let Some(opening) = opening else { return open(sending).await };
    let late = |_| ConnectError::TimedOut(limit);
    let mine = timeout(limit, opening.lock()).await.map_err(late)?;
    if let Some(place) = pool.place(&upstream.origin) {
        return Ok(Taken::Shared(place));
    }
    if pool.opening(Arc::clone(&upstream.origin)).is_none() {
        // The one before found HTTP/1.1: from here on each for itself.
        drop(mine);
    }
    open(sending).await
}

async fn open(sending: Sending<'_>) -> Result<Taken, ExchangeError> {
    let Sending { pool, upstream, connect_timeout: limit, .. } = sending;
    let tls = upstream.tls.as_ref();
    let (host, proxy) = (upstream.host.as_str(), upstream.proxy.as_ref());
    let stream = connect(Way { host, port: upstream.port, tls, proxy }, limit).await?;
    let speaks_http2 = match (tls, upstream.versions) {
        (None, versions) => versions == Versions::Http2,
        (Some(_), Versions::Auto | Versions::Http11) => stream.agreed_on_http2(),
        (Some(_), Versions::Http2) if stream.agreed_on_http2() => true,
        (Some(_), Versions::Http2) => {
            let why = "it does not speak HTTP/2 (ALPN); let its 'http' be \"auto\"";
            return Err(ConnectError::NotTaken(why.to_owned()).into());
        }
    };
    let origin = Arc::clone(&upstream.origin);
    if !speaks_http2 {
        if upstream.versions == Versions::Auto && tls.is_some() {
            pool.speaks_http1(origin);
        }
        return Ok(Taken::Alone(Box::new(Connection::open(stream).await.map_err(Break::from)?)));
    }
    let opened = timeout(limit, Shared::open(stream, &pool.tasks, &pool.drain)).await;
    let shared = opened.map_err(|_| ConnectError::TimedOut(limit))??;
    let place = shared.place();
    pool.share(origin, shared);
    let full = || ConnectError::NotTaken("it allows no stream".to_owned());
    Ok(Taken::Shared(place.ok_or_else(full)?))
}

enum Unsent {
    /// Not a byte of it left: it may be sent elsewhere.
    GivenBack(Box<Request<Outgoing>>),
    Lost(ExchangeError),
}

async fn attempt(
    connection: &mut Connection,
    request: Request<Outgoing>,
) -> Result<Response<hyper::body::Incoming>, Unsent> {
    let sent = pin!(connection.sender.try_send_request(request));
    match connection.complete(sent).await {
        Some(Ok(response)) => Ok(response),
        Some(Err(mut failed)) => Err(match failed.take_message() {
            Some(request) => Unsent::GivenBack(Box::new(request)),
            None => Unsent::Lost(Break::from(failed.into_error()).into()),
        }),
        None => Err(Unsent::Lost(ExchangeError::Ended)),
    }
}

fn whole(
    pool: &Arc<Pool>,
    origin: &Arc<str>,
    connection: Box<Connection>,
    response: Response<hyper::body::Incoming>,
) -> Response<UpstreamBody> {
    let home = (Arc::clone(pool), Arc::clone(origin));
    response.map(|incoming| UpstreamBody::http1(Http1Body::new(incoming, connection, home)))
}

/// Sends over HTTP/2; again on a fresh connection while the upstream says that it took nothing.
async fn share(
    sending: Sending<'_>,
    mut place: Place,
    request: Request<Outgoing>,
) -> Result<Response<UpstreamBody>, ExchangeError> {
    let scheme = if sending.upstream.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP };
    let unsendable = |cause: http::Error| ConnectError::NotTaken(cause.to_string());
    let request = Http2Request::new(request, scheme).map_err(unsendable)?;
    let mut sendings = 1;
    loop {
        let connection = Arc::clone(place.connection());
        sending.sent.store(true, Ordering::Relaxed);
        let cause = match request.send(place).await {
            Ok(response) => return Ok(response.map(UpstreamBody::http2)),
            Err(Unanswered::Lost(cause)) => return Err(Break::from(cause).into()),
            Err(Unanswered::NotTaken(cause)) => cause,
        };
        connection.retire();
        if sendings == MAX_SENDINGS {
            return Err(ConnectError::NotTaken(cause.to_string()).into());
        }
        sendings += 1;
        sending.sent.store(false, Ordering::Relaxed);
        place = match connected(sending).await? {
            Taken::Shared(place) => place,
            Taken::Alone(_) => {
                let why = "it took no stream and then spoke HTTP/1.1";
                return Err(ConnectError::NotTaken(why.to_owned()).into());
            }
        };
    }
}
