//! The request as the upstream gets it: our credential, a fixed list of headers, the body.
//!
//! It must never carry the caller's credential, cookie or address on.

use bastion_types::Refusal;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request};

use super::calling::Calling;
use crate::headers::forward;
use crate::outgoing::Outgoing;
use crate::policy::Route;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("bastion/", env!("CARGO_PKG_VERSION")));

/// As many as most requests have; more of them only cost a second reservation.
const LIKELY_HEADERS: usize = 12;

/// Builds the request.
///
/// # Errors
/// [`Refusal::UpstreamCredentials`] while the upstream's credential resolves to nothing.
pub(super) fn build(calling: Calling<'_>, route: &Route) -> Result<Request<Outgoing>, Refusal> {
    let Calling { arrival, policy, screened, .. } = calling;
    let upstream = &route.upstream;
    let credential = upstream.authorization.clone().ok_or(Refusal::UpstreamCredentials)?;
    let uri = upstream.path(arrival.endpoint).ok_or(Refusal::UpstreamError)?;
    let (payload, renamed) = (&screened.payload, route.renamed.as_deref());
    // An engine that refuses the option is not asked for its usage.
    let mut request = Request::new(payload.outgoing(renamed, screened.model.usage_option));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.reserve(LIKELY_HEADERS);
    headers.insert(HOST, upstream.authority.clone());
    forward(&arrival.headers, &policy.forward_headers, headers);
    headers.insert(CONTENT_TYPE, payload.content_type.clone());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, AGENT);
    headers.insert(AUTHORIZATION, credential);
    Ok(request)
}
