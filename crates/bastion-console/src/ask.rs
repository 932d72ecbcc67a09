//! What an operator asks: the id in the path, the parameters, the body.
//!
//! It must never read a body without a limit of size and time.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams};
use bastion_types::RequestId;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;

use crate::fields::Fields;
use crate::problem::Problem;
use crate::query::Query;

/// Largest body.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// From the head's arrival to the body's end.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

const JSON: &str = "application/json";

/// One request of an operator.
pub(crate) struct Ask {
    /// The answer's `x-request-id`.
    pub(crate) id: RequestId,
    named: Option<String>,
    head: Parts,
    body: Body,
}

impl Ask {
    /// Takes the request apart.
    pub(crate) async fn of(id: RequestId, request: Request<Body>) -> Ask {
        let (mut head, body) = request.into_parts();
        // What cannot be decoded is nobody's id.
        let params = RawPathParams::from_request_parts(&mut head, &()).await.ok();
        let first = params.as_ref().and_then(|params| params.iter().next());
        let named = first.map(|(_, value)| value.to_owned());
        Ask { id, named, head, body }
    }

    /// What stands in the path in place of `{id}`.
    pub(crate) fn named(&self) -> &str {
        self.named.as_deref().unwrap_or_default()
    }

    /// The parameters, which must all be in `known`.
    pub(crate) fn query(&self, known: &[&str]) -> Result<Query, Problem> {
        Query::read(&self.head.uri, known)
    }

    /// The body's fields, which must all be in `known`; no body has none.
    pub(crate) async fn fields(self, known: &[&str]) -> Result<Fields, Problem> {
        let Ask { head, body, .. } = self;
        let received = tokio::time::timeout(BODY_TIMEOUT, receive(body)).await;
        let body = received.unwrap_or_else(|_| Err(Problem::too_slow()))?;
        if !body.is_empty() && !is_plain_json(&head.headers) {
            return Err(Problem::not_sent_as_json());
        }
        Fields::read(&body, known)
    }
}

async fn receive(body: Body) -> Result<Vec<u8>, Problem> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > MAX_BODY_BYTES {
        return Err(Problem::too_large(MAX_BODY_BYTES));
    }
    match Limited::new(body, MAX_BODY_BYTES).collect().await {
        Ok(whole) => Ok(whole.to_bytes().into()),
        Err(cause) if cause.is::<LengthLimitError>() => Err(Problem::too_large(MAX_BODY_BYTES)),
        Err(_) => Err(Problem::invalid("the body ended before its announced length")),
    }
}

fn is_plain_json(headers: &HeaderMap) -> bool {
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = named.and_then(|value| value.split(';').next()).unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case(JSON) && !headers.contains_key(CONTENT_ENCODING)
}
