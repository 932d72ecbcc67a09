//! What a body is, whatever its status says: an object, an error, an error about the model.
//!
//! It must never trust a status alone: a 200 may hold an error.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::sse::Frame;

/// Made ready once, which costs more than the search in a frame.
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));

#[derive(Deserialize)]
struct Outer<E> {
    error: Option<E>,
}

#[derive(Deserialize)]
struct Coded {
    code: Option<String>,
}

/// Is this body a JSON object at all?
pub fn is_json_object(body: &[u8]) -> bool {
    let begins = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    begins && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

/// Does this body hold an error at its top?
pub fn is_error_answer(body: &[u8]) -> bool {
    ERROR.find(body).is_some()
        && serde_json::from_slice(body).is_ok_and(|o: Outer<IgnoredAny>| o.error.is_some())
}

/// Does this error say that the model is unknown?
pub fn is_model_not_found(body: &[u8]) -> bool {
    let outer: Option<Outer<Coded>> = serde_json::from_slice(body).ok();
    let code = outer.and_then(|outer| outer.error).and_then(|error| error.code);
    code.as_deref() == Some("model_not_found")
}

/// Is this frame an error: by its event's name, or by what its data hold?
pub(crate) fn is_error_frame(frame: Frame<'_>) -> bool {
    frame.event() == Some(b"error") || frame.data().is_some_and(|data| is_error_answer(&data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_not_an_answer() {
        assert!(is_json_object(b" {\"a\":1}"));
        assert!(!is_json_object(b"<html>"));
        assert!(!is_json_object(b"{\"a\":"));
        assert!(!is_json_object(b""));
    }

    #[test]
    fn an_error_is_seen_at_the_top_only() {
        assert!(is_error_answer(br#"{"error":{"message":"x"}}"#));
        assert!(!is_error_answer(br#"{"error":null}"#));
        assert!(!is_error_answer(br#"{"choices":[{"error":"x"}]}"#));
        assert!(is_error_frame(Frame::of(b"event: error\ndata: {}\n\n")));
        assert!(is_error_frame(Frame::of(b"data: {\"error\":{}}\n\n")));
        assert!(!is_error_frame(Frame::of(b"data: {\"choices\":[]}\n\n")));
    }

    #[test]
    fn a_404_of_the_model_is_told_from_one_of_the_path() {
        assert!(is_model_not_found(br#"{"error":{"code":"model_not_found"}}"#));
        assert!(!is_model_not_found(br#"{"error":{"code":null}}"#));
        assert!(!is_model_not_found(br#"{"detail":"Not Found"}"#));
    }
}
