//! What every endpoint's body may say of itself: its model, and whether a stream is wanted.
//!
//! It must never refuse a body: that is the endpoint's to do.

use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

use crate::form;

#[derive(Default, Deserialize)]
pub(crate) struct Peek {
    #[serde(default)]
    model: Value,
    #[serde(default)]
    stream: Value,
}

impl Peek {
    /// Nothing is known of a body that is neither a form nor a JSON object, or names a field twice.
    pub(crate) fn at(headers: &HeaderMap, body: &[u8]) -> Peek {
        match form::parts(headers, body) {
            Some(parts) => Peek {
                model: form::text(&parts, "model").map(Value::from).unwrap_or_default(),
                stream: Value::Bool(form::text(&parts, "stream") == Some("true")),
            },
            None => serde_json::from_slice(body).unwrap_or_default(),
        }
    }

    pub(crate) fn model(&self) -> Option<&str> {
        self.model.as_str()
    }

    pub(crate) fn stream(&self) -> bool {
        self.stream == Value::Bool(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_without_sense_is_no_model_and_no_stream() {
        for body in ["", "{", "[]", r#"{"model":3,"stream":"yes"}"#] {
            let peek = Peek::at(&HeaderMap::new(), body.as_bytes());
            assert_eq!((peek.model(), peek.stream()), (None, false), "{body}");
        }
        let peek = Peek::at(&HeaderMap::new(), br#"{"x":1,"model":"m","stream":true}"#);
        assert_eq!((peek.model(), peek.stream()), (Some("m"), true));
    }
}
