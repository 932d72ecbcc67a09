//! Answers of the operators' plane, good ones and problems, as HTTP.
//!
//! It must never leave out the request id, and never let an answer be stored on its way.

use bastion_types::RequestId;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::problem::Problem;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What an operator asked for.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    content_type: HeaderValue,
    body: Vec<u8>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    message: String,
    #[serde(rename = "type")]
    error_type: &'static str,
    code: &'static str,
    param: Option<&'a str>,
}

impl Answer {
    /// JSON with this status.
    pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Result<Answer, Problem> {
        let body = serde_json::to_vec(value).map_err(|cause| {
            tracing::error!(%cause, "an answer could not be written");
            Problem::internal()
        })?;
        Ok(Answer { status, content_type: JSON, body })
    }

    /// JSON that was asked for, with 200.
    pub(crate) fn ok(value: &impl Serialize) -> Result<Answer, Problem> {
        Answer::json(StatusCode::OK, value)
    }

    /// Text for other programs, with 200.
    pub(crate) fn text(content_type: &'static str, text: String) -> Answer {
        let content_type = HeaderValue::from_static(content_type);
        Answer { status: StatusCode::OK, content_type, body: text.into_bytes() }
    }
}

/// The answer as it leaves; without an id only where the system gives no randomness for one.
pub(crate) fn respond<B: From<Vec<u8>>>(
    id: Option<RequestId>,
    outcome: Result<Answer, Problem>,
) -> Response<B> {
    let mut response = match outcome {
        Ok(answer) => whole(answer.status, answer.content_type, answer.body),
        Err(problem) => envelope(id, &problem),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(id.as_str()).ok()) {
        headers.insert(X_REQUEST_ID, id);
    }
    response
}

fn whole<B: From<Vec<u8>>>(
    status: StatusCode,
    content_type: HeaderValue,
    body: Vec<u8>,
) -> Response<B> {
    let mut response = Response::new(B::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn envelope<B: From<Vec<u8>>>(id: Option<RequestId>, problem: &Problem) -> Response<B> {
    let request = id.map(|id| format!(" (request {id})")).unwrap_or_default();
    let error = ErrorBody {
        message: format!("{}{request}", problem.message),
        error_type: problem.error_type().as_str(),
        code: problem.code,
        param: problem.param.as_deref(),
    };
    // Strings only: this cannot fail, and an empty body would still be an error.
    let body = serde_json::to_vec(&Envelope { error }).unwrap_or_default();
    let mut response = whole(problem.status, JSON, body);
    let headers = response.headers_mut();
    if let Some(seconds) = problem.retry_after_s() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
