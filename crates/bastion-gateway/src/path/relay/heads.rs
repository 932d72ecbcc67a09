//! The headers of an answer: ours, and those of the upstream's that may come back.
//!
//! It must never pass a header that is not on the list.

use http::{HeaderMap, HeaderValue};

use crate::headers::{REGION, UPSTREAM, X_REQUEST_ID, come_back};
use crate::path::door::Arrival;
use crate::policy::UpstreamPolicy;

/// The upstream's, behind what is told already.
pub(super) fn answer_headers(theirs: &HeaderMap, arrival: &Arrival, told: HeaderMap) -> HeaderMap {
    let mut headers = told;
    come_back(theirs, &mut headers);
    tell_request(arrival, &mut headers);
    headers
}

/// The call's id.
pub(super) fn tell_request(arrival: &Arrival, headers: &mut HeaderMap) {
    if let Ok(id) = HeaderValue::from_str(arrival.id.as_str()) {
        headers.insert(X_REQUEST_ID, id);
    }
}

/// Who answered, and where.
pub(super) fn tell_upstream(upstream: &UpstreamPolicy, headers: &mut HeaderMap) {
    if let Ok(name) = HeaderValue::from_str(upstream.name.as_str()) {
        headers.insert(UPSTREAM, name);
    }
    let region = upstream.region.as_ref().map(|region| HeaderValue::from_str(region.as_str()));
    if let Some(Ok(region)) = region {
        headers.insert(REGION, region);
    }
}
