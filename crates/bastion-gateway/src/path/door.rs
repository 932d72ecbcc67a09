//! The door: a request id, the endpoint, the head's checks; later the body, within its limits.
//!
//! It must never look at a key, and never read a body before the caller is known.

mod ambiguous;

use std::net::IpAddr;
use std::time::Duration;

use bastion_runtime::BadHead;
use bastion_types::{MonoNanos, Refusal, RequestId, Timestamp};
use bastion_wire::{Endpoint, refusal_response, route};
use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use crate::desk::Desk;
use crate::endpoints::{Reads, Service, UpstreamService, service};
use crate::form::{self, Form};
use crate::policy::Policy;

/// Longest head that is served, in bytes: names and values.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// What is known of a call from its head on.
pub(crate) struct Arrival {
    /// The call's id.
    pub(crate) id: RequestId,
    /// When its head had come.
    pub(crate) at: Timestamp,
    /// The same, on the clock that never goes back.
    pub(crate) began: MonoNanos,
    /// The connection's other end.
    pub(crate) peer: IpAddr,
    /// What it asks for.
    pub(crate) endpoint: Endpoint,
    /// How that is served.
    pub(crate) service: Service,
    /// The model in its path.
    pub(crate) named_model: Option<String>,
    /// Its headers, while an attempt may still be made.
    pub(crate) headers: HeaderMap,
}

impl Arrival {
    /// No attempt will be made any more: a held stream need not hold its headers.
    pub(super) fn forget_headers(&mut self) {
        self.headers = HeaderMap::new();
    }
}

/// A request whose head is in order.
pub(crate) struct Entered {
    pub(super) arrival: Arrival,
    pub(super) body: Incoming,
}

/// Looks at the head.
pub(super) fn enter(
    desk: &Desk,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Result<Entered, Response<Bytes>> {
    let tools = &desk.gateway.tools;
    let at = tools.clock.now();
    let began = tools.clock.monotonic();
    let Ok(id) = RequestId::generate(at) else { return Err(no_randomness()) };
    let (head, body) = request.into_parts();
    // Heads of HTTP/1 were judged before hyper read them.
    let judged = if head.version == Version::HTTP_2 { ambiguous::refuse(&head) } else { Ok(()) };
    if let Err(refusal) = judged {
        let mut response = turn_away(desk, &refusal, &id);
        // Whoever stands before us may see another request behind this one.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        return Err(response);
    }
    let found = if tools.drain.has_begun() { Err(Refusal::Draining) } else { find(&head) };
    match found {
        Ok((endpoint, service, named_model)) => {
            let headers = head.headers;
            let arrival = Arrival { id, at, began, peer, endpoint, service, named_model, headers };
            Ok(Entered { arrival, body })
        }
        Err(refusal) => Err(turn_away(desk, &refusal, &id)),
    }
}

/// A head that was refused before anything of it was read.
pub(super) fn refuse_head(desk: &Desk, why: BadHead) -> Response<Bytes> {
    let refusal = match why {
        BadHead::Malformed(told) => Refusal::invalid(told),
        BadHead::TooLong { limit_bytes } => {
            Refusal::HeadersTooLarge { limit_bytes: u64::from(limit_bytes) }
        }
        BadHead::TooMany { limit_lines } => Refusal::TooManyHeaders { limit_lines },
    };
    match RequestId::generate(desk.gateway.tools.clock.now()) {
        Ok(id) => turn_away(desk, &refusal, &id),
        Err(_) => no_randomness(),
    }
}

fn no_randomness() -> Response<Bytes> {
    tracing::error!("the system gives no randomness");
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    response
}

fn turn_away(desk: &Desk, refusal: &Refusal, id: &RequestId) -> Response<Bytes> {
    desk.gateway.tools.metrics.refused_at_door(refusal);
    refusal_response(refusal, id)
}

fn find(head: &http::request::Parts) -> Result<(Endpoint, Service, Option<String>), Refusal> {
    let route = route(&head.method, head.uri.path())?;
    let length = |(name, value): (&HeaderName, &HeaderValue)| {
        name.as_str().len().saturating_add(value.len())
    };
    if head.headers.iter().map(length).sum::<usize>() > MAX_HEAD_BYTES {
        let limit_bytes = u64::try_from(MAX_HEAD_BYTES).unwrap_or(u64::MAX);
        return Err(Refusal::HeadersTooLarge { limit_bytes });
    }
    let service = service(route.endpoint).ok_or(Refusal::UnknownPath)?;
    Ok((route.endpoint, service, route.model.map(std::borrow::Cow::into_owned)))
}

/// A body that was read to its end.
pub(super) enum Received {
    Json(Bytes),
    Form(Box<Form>),
}

/// Reads the body, within the policy's size and time.
pub(super) async fn receive(
    policy: &Policy,
    arrival: &Arrival,
    body: Incoming,
) -> Result<Received, Refusal> {
    let headers = &arrival.headers;
    let encoding = headers.get(CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(Refusal::invalid("the body is compressed; send it without content-encoding"));
    }
    let limit_bytes = policy.max_body_bytes;
    if body.size_hint().lower() > limit_bytes {
        return Err(Refusal::PayloadTooLarge { limit_bytes });
    }
    let timeout: Duration = policy.body_timeout;
    let is_form =
        matches!(arrival.service, Service::Upstream(UpstreamService { reads: Reads::Form(_), .. }));
    let read = async {
        if is_form {
            // Boxed, so that the many calls without a form are small.
            let form = Box::pin(form::read(headers, body, limit_bytes)).await?;
            return Ok(Received::Form(Box::new(form)));
        }
        Ok(Received::Json(collect(body, limit_bytes).await?))
    };
    tokio::time::timeout(timeout, read).await.unwrap_or(Err(Refusal::RequestTimeout))
}

async fn collect(mut body: Incoming, limit_bytes: u64) -> Result<Bytes, Refusal> {
    let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let cut = |_| Refusal::invalid("the body ended before its announced length");
        let Ok(data) = frame.map_err(cut)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > limit {
            return Err(Refusal::PayloadTooLarge { limit_bytes });
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    if rest.is_empty() {
        return Ok(first);
    }
    let mut whole = BytesMut::with_capacity(first.len() + rest.len());
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&rest);
    Ok(whole.freeze())
}
