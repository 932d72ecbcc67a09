//! The request as the upstream gets it: our credential, a fixed list of headers, the body.
//!
//! It must never carry the caller's credential, cookie or address on.

use bastion_types::Refusal;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::Full;

use crate::headers::forward;
use crate::path::door::Arrival;
use crate::path::screen::Screened;
use crate::policy::UpstreamPolicy;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("bastion/", env!("CARGO_PKG_VERSION")));

/// Builds the request.
///
/// # Errors
/// [`Refusal::UpstreamCredentials`] while the upstream's credential resolves to nothing.
pub(super) fn build(
    screened: &Screened,
    (arrival, forwarded): (&Arrival, &[HeaderName]),
    upstream: &UpstreamPolicy,
) -> Result<Request<Full<Bytes>>, Refusal> {
    let credential = upstream.authorization.clone().ok_or(Refusal::UpstreamCredentials)?;
    let uri = upstream.path(arrival.endpoint).ok_or(Refusal::UpstreamError)?;
    let mut request = Request::new(Full::new(screened.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(HOST, upstream.authority.clone());
    forward(&arrival.headers, forwarded, headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, AGENT);
    headers.insert(AUTHORIZATION, credential);
    Ok(request)
}
