//! The request as the upstream gets it: our credential, a fixed list of headers, the body.
//!
//! It must never carry the caller's credential, cookie or address on.

use bastion_types::Refusal;
use bastion_wire::{Edit, splice_all};
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;

use super::calling::Calling;
use crate::headers::forward;
use crate::path::screen::Screened;
use crate::policy::Route;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("bastion/", env!("CARGO_PKG_VERSION")));

/// Builds the request.
///
/// # Errors
/// [`Refusal::UpstreamCredentials`] while the upstream's credential resolves to nothing.
pub(super) fn build(calling: Calling<'_>, route: &Route) -> Result<Request<Full<Bytes>>, Refusal> {
    let Calling { arrival, policy, screened, .. } = calling;
    let upstream = &route.upstream;
    let credential = upstream.authorization.clone().ok_or(Refusal::UpstreamCredentials)?;
    let uri = upstream.path(arrival.endpoint).ok_or(Refusal::UpstreamError)?;
    let mut request = Request::new(Full::new(body(screened, route)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(HOST, upstream.authority.clone());
    forward(&arrival.headers, &policy.forward_headers, headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.insert(USER_AGENT, AGENT);
    headers.insert(AUTHORIZATION, credential);
    Ok(request)
}

/// The caller's bytes, but for the model's name on this route and the wish for usage.
fn body(screened: &Screened, route: &Route) -> Bytes {
    let renamed = route
        .renamed
        .as_ref()
        .map(|name| Edit { place: screened.model_place.clone(), with: name.as_bytes() });
    // An engine that refuses the option is not asked.
    let wish = screened.usage_wish.as_ref().filter(|_| screened.model.usage_option);
    let wish = wish.map(|wish| Edit { place: wish.place.clone(), with: wish.with.as_bytes() });
    match (renamed, wish) {
        (None, None) => screened.body.clone(),
        (Some(one), None) | (None, Some(one)) => splice_all(&screened.body, &mut [one]),
        (Some(one), Some(other)) => splice_all(&screened.body, &mut [one, other]),
    }
}
