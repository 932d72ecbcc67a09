//! The simulated upstream's own refusals, in OpenAI's envelope.
//!
//! It must never repeat what the request said: neither key nor prompt.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{ALLOW, HeaderValue, RETRY_AFTER};
use serde::Serialize;

use crate::answer::Answer;

/// Why there is no generated answer. Source: contract, Errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    UnknownPath,
    /// Holds what `allow` says.
    WrongMethod(&'static str),
    Key,
    Rate {
        retry_after_s: u64,
    },
    Funds,
    UnknownModel,
    /// A call that would be kept. Source: contract, responses.
    Stateful,
    TooLarge {
        limit_bytes: usize,
    },
    Invalid {
        message: Cow<'static, str>,
        param: Option<&'static str>,
    },
    /// The peer left, or sent no sense, in the middle of its body.
    BrokenBody,
    /// A script names a status and no body.
    Scripted(u16),
    /// `/sim/control` from another machine.
    NotLoopback,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    message: &'a str,
    r#type: &'static str,
    code: &'static str,
    param: Option<&'static str>,
}

impl Refused {
    pub(crate) fn field(param: &'static str, message: impl Into<Cow<'static, str>>) -> Refused {
        Refused::Invalid { message: message.into(), param: Some(param) }
    }

    pub(crate) fn answer(&self) -> Answer {
        let (status, error) = self.row();
        let (r#type, code) = kind(status, matches!(self, Refused::UnknownModel));
        let message = format!("simulated upstream: {error}");
        let param = self.param();
        let envelope = Envelope { error: Error { message: &message, r#type, code, param } };
        let body = serde_json::to_vec(&envelope).unwrap_or_default();
        let mut answer = Answer::json(status, Bytes::from(body));
        if let Refused::Rate { retry_after_s } = self {
            answer.headers.insert(RETRY_AFTER, HeaderValue::from(*retry_after_s));
        }
        if let Refused::WrongMethod(allowed) = self {
            answer.headers.insert(ALLOW, HeaderValue::from_static(allowed));
        }
        answer
    }

    fn row(&self) -> (u16, Cow<'static, str>) {
        match self {
            Refused::UnknownPath => (404, "no such path".into()),
            Refused::WrongMethod(allowed) => (405, format!("wrong method; use {allowed}").into()),
            Refused::Key => (401, "the key is not one of this upstream's".into()),
            Refused::Rate { retry_after_s } => {
                (429, format!("too many requests; retry after {retry_after_s} s").into())
            }
            Refused::Funds => (402, "the account's balance is used up".into()),
            Refused::UnknownModel => {
                (404, "no such model at this endpoint; GET /v1/models lists them".into())
            }
            Refused::Stateful => (
                502,
                "responses are stateless here; send 'store': false and no earlier state".into(),
            ),
            Refused::TooLarge { limit_bytes } => {
                (413, format!("the body is larger than {limit_bytes} bytes").into())
            }
            Refused::BrokenBody => (400, "the body broke off; send it whole".into()),
            Refused::Invalid { message, .. } => (400, message.clone()),
            Refused::Scripted(status) => (*status, "the script asks for this failure".into()),
            Refused::NotLoopback => {
                (403, "it can be changed from its own machine only; call it by loopback".into())
            }
        }
    }

    fn param(&self) -> Option<&'static str> {
        if let Refused::Invalid { param, .. } = self {
            return *param;
        }
        matches!(self, Refused::UnknownModel).then_some("model")
    }
}

/// `type` and `code` of a status, as the contract pairs them.
fn kind(status: u16, model: bool) -> (&'static str, &'static str) {
    match status {
        404 if model => ("invalid_request_error", "model_not_found"),
        401 => ("invalid_request_error", "invalid_api_key"),
        402 => ("insufficient_quota", "insufficient_funds"),
        403 => ("invalid_request_error", "forbidden"),
        404 => ("invalid_request_error", "not_found"),
        405 => ("invalid_request_error", "method_not_allowed"),
        413 => ("invalid_request_error", "payload_too_large"),
        429 => ("rate_limit_error", "rate_limit_exceeded"),
        400..=499 => ("invalid_request_error", "invalid_request"),
        500 => ("api_error", "internal_error"),
        503 => ("api_error", "service_unavailable"),
        _ => ("api_error", "upstream_error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Content;

    fn check(refused: Refused, status: u16, code: &str) {
        let answer = refused.answer();
        assert_eq!(answer.status, status);
        let Content::Whole(body) = answer.content else { panic!("an envelope is not a stream") };
        let envelope: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(envelope["error"]["code"], code);
        assert!(envelope["error"]["message"].as_str().unwrap().contains("simulated"));
    }

    #[test]
    fn each_refusal_is_a_row_of_the_contract() {
        check(Refused::Key, 401, "invalid_api_key");
        check(Refused::Funds, 402, "insufficient_funds");
        check(Refused::UnknownModel, 404, "model_not_found");
        check(Refused::UnknownPath, 404, "not_found");
        check(Refused::Rate { retry_after_s: 3 }, 429, "rate_limit_exceeded");
        check(Refused::Scripted(502), 502, "upstream_error");
        check(Refused::Scripted(503), 503, "service_unavailable");
    }
}
