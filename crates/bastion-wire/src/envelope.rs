//! The one envelope of errors, as an answer and as an event. Source: contract, Errors.
//!
//! It must never carry an inner error's text: only what [`Refusal`] says to callers.

use bastion_types::{Refusal, RequestId};
use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;

const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// `{"error": {…}}`.
#[derive(Debug, Serialize)]
pub struct Envelope {
    error: ErrorBody,
}

/// What an error event stands among: clients read it by the rules of the events before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorPlace {
    /// Chunks, which have no type of their own.
    Chunks,
    /// Typed events, each with the number behind the last one's.
    TypedEvents {
        /// This event's.
        sequence_number: u64,
    },
}

/// The type of the error event among typed events. Source: OpenAI's reference, streaming events.
const TYPED_ERROR: &str = "error";

/// An event of a stream that failed: both shapes, so that every SDK sees it.
#[derive(Serialize)]
struct EventEnvelope {
    error: ErrorBody,
    #[serde(rename = "type")]
    event_type: &'static str,
    code: &'static str,
    message: String,
    param: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_number: Option<u64>,
}

#[derive(Debug, Serialize)]
struct ErrorBody {
    message: String,
    #[serde(rename = "type")]
    error_type: &'static str,
    code: &'static str,
    param: Option<&'static str>,
}

impl Envelope {
    /// The envelope of a refusal; its text names the request.
    pub fn of(refusal: &Refusal, id: &RequestId) -> Envelope {
        Envelope { error: ErrorBody::of(refusal, id) }
    }

    /// As JSON.
    pub fn to_bytes(&self) -> Bytes {
        json(self)
    }
}

impl ErrorBody {
    fn of(refusal: &Refusal, id: &RequestId) -> ErrorBody {
        ErrorBody {
            message: format!("{} (request {id})", refusal.message()),
            error_type: refusal.error_type().as_str(),
            code: refusal.code(),
            param: refusal.param(),
        }
    }
}

/// A refusal as a whole answer with the headers that it needs.
pub fn refusal_response(refusal: &Refusal, id: &RequestId) -> Response<Bytes> {
    let mut response = Response::new(Envelope::of(refusal, id).to_bytes());
    *response.status_mut() =
        StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(X_REQUEST_ID, id);
    }
    if let Some(seconds) = refusal.retry_after_s() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if refusal.should_retry() == Some(false) {
        headers.insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
    }
    if let Refusal::WrongMethod(allowed) = refusal {
        headers.insert(ALLOW, HeaderValue::from_static(allowed));
    }
    if matches!(refusal, Refusal::PayloadTooLarge { .. } | Refusal::RequestTimeout) {
        // The rest of the body is still on its way: nothing more can be read from there.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// A refusal as the last event of a stream that has begun.
pub fn error_event(refusal: &Refusal, id: &RequestId, place: ErrorPlace) -> Bytes {
    let error = ErrorBody::of(refusal, id);
    let (event_type, sequence_number) = match place {
        ErrorPlace::Chunks => (error.error_type, None),
        ErrorPlace::TypedEvents { sequence_number } => (TYPED_ERROR, Some(sequence_number)),
    };
    let event = EventEnvelope {
        event_type,
        code: error.code,
        message: error.message.clone(),
        param: error.param,
        error,
        sequence_number,
    };
    let mut text = b"event: error\ndata: ".to_vec();
    text.extend_from_slice(&json(&event));
    text.extend_from_slice(b"\n\n");
    Bytes::from(text)
}

fn json(value: &impl Serialize) -> Bytes {
    // Strings and options only: this cannot fail, and an empty body would still be an error.
    serde_json::to_vec(value).map(Bytes::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bastion_types::{KeyProblem, Timestamp};

    use super::*;

    fn id() -> RequestId {
        RequestId::generate(Timestamp::from_micros(1)).unwrap()
    }

    #[test]
    fn a_refusal_is_the_contracts_envelope_with_its_request() {
        let id = id();
        let response = refusal_response(&Refusal::Key(KeyProblem::Missing), &id);
        assert_eq!(response.status(), 401);
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["error"]["code"], "invalid_api_key");
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert!(body["error"]["message"].as_str().unwrap().contains(id.as_str()));
        assert_eq!(response.headers()["x-request-id"], id.as_str());
    }

    #[test]
    fn a_spent_failure_tells_the_sdk_not_to_multiply() {
        let response = refusal_response(&Refusal::UpstreamError, &id());
        assert_eq!(response.headers()["x-should-retry"], "false");
        let refusal = Refusal::NotNow { retry_after_s: 3 };
        let response = refusal_response(&refusal, &id());
        assert_eq!(response.headers()["retry-after"], "3");
        let told = response.headers().get("x-should-retry");
        assert_eq!(told, None, "nothing was tried: it may come again");
    }

    fn event_at(place: ErrorPlace) -> serde_json::Value {
        let event = error_event(&Refusal::StreamInterrupted, &id(), place);
        let text = std::str::from_utf8(&event).unwrap();
        let data = text.strip_prefix("event: error\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
        serde_json::from_str(data).unwrap()
    }

    #[test]
    fn an_error_event_is_one_whole_frame_in_both_shapes() {
        let data = event_at(ErrorPlace::Chunks);
        assert_eq!(data["code"], "stream_interrupted");
        assert_eq!(data["type"], "api_error");
        assert_eq!(data["error"]["code"], "stream_interrupted");
        assert_eq!(data.get("sequence_number"), None);
    }

    #[test]
    fn among_typed_events_an_error_has_their_type_and_number() {
        let data = event_at(ErrorPlace::TypedEvents { sequence_number: 7 });
        assert_eq!((&data["type"], &data["sequence_number"]), (&"error".into(), &7.into()));
        assert_eq!(data["code"], "stream_interrupted");
        assert_eq!(data["error"]["type"], "api_error");
    }
}
