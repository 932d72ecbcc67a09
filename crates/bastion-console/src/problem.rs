//! Why an operator does not get what was asked for, each with the mend.
//!
//! It must never hold an inner error's text, but for those of the key directory that are written
//! for operators.

use std::borrow::Cow;

use bastion_store::{HandError, KeyError, StoreError};
use bastion_types::{ErrorType, NameError, RequestId};
use http::StatusCode;

use crate::token::TokenProblem;

/// Longest part of a request that a message repeats, in letters.
const MAX_ECHO_LETTERS: usize = 64;

/// A store that is busy or full is not mended faster.
const STORE_RETRY_S: u32 = 5;

/// An answer in the error envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: Cow<'static, str>,
    /// The field or parameter that is wrong.
    pub(crate) param: Option<String>,
}

/// Every code that stands in an answer.
pub(crate) const CODES: [&str; 9] = [
    "invalid_request",
    "invalid_operator_token",
    "forbidden_host",
    "not_found",
    "method_not_allowed",
    "request_timeout",
    "conflict",
    "service_unavailable",
    "internal_error",
];

impl Problem {
    fn new(
        status: StatusCode,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Problem {
        Problem { status, code, message: message.into(), param: None }
    }

    /// A request that is wrong as a whole.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// A field or parameter that is wrong; the message goes on behind its name.
    pub(crate) fn invalid_field(name: &str, rest: &str) -> Problem {
        let message = format!("{name} {rest}");
        Problem { param: Some(name.to_owned()), ..Problem::invalid(message) }
    }

    /// A field or parameter that holds no name.
    pub(crate) fn invalid_name(name: &str, cause: &NameError) -> Problem {
        Problem::invalid_field(name, &format!("cannot be read: {cause}"))
    }

    /// A field or parameter that nobody knows.
    pub(crate) fn unknown_name(what: &str, name: &str, known: &[&str]) -> Problem {
        let name = echo(name);
        let mend = if known.is_empty() {
            format!("there is no {what} to give here; leave it out")
        } else {
            format!("did you mean one of {}?", known.join(", "))
        };
        let message = format!("unknown {what} '{name}'; {mend}");
        Problem { param: Some(name), ..Problem::invalid(message) }
    }

    /// The head of the request is not served.
    pub(crate) fn bad_head(status: StatusCode, message: Cow<'static, str>) -> Problem {
        Problem { status, ..Problem::invalid(message) }
    }

    /// The body is longer than what is read.
    pub(crate) fn too_large(limit_bytes: usize) -> Problem {
        let message = format!("the body is larger than {limit_bytes} bytes; send less");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", message)
    }

    /// The body is not sent as JSON.
    pub(crate) fn not_sent_as_json() -> Problem {
        let message =
            "the body must be sent as JSON; set 'content-type: application/json', not compressed";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request", message)
    }

    /// The body came too slowly.
    pub(crate) fn too_slow() -> Problem {
        let message = "the body did not arrive in time; send the request again";
        Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", message)
    }

    /// No such path.
    pub(crate) fn unknown_path() -> Problem {
        let message = "no such path; GET /admin/v1/openapi.json describes those that are";
        Problem::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// The path has other methods.
    pub(crate) fn wrong_method() -> Problem {
        let message = "this path does not take this method; use one that the allow header names";
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
    }

    /// Nothing has the id that stands in the path.
    pub(crate) fn not_found(message: impl Into<Cow<'static, str>>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// No key has the id that stands in the path.
    pub(crate) fn unknown_key() -> Problem {
        Problem::not_found("there is no such key; GET /admin/v1/keys lists those that are")
    }

    /// The host is a name that the listener does not answer.
    pub(crate) fn foreign_host() -> Problem {
        let message = "this host name is not answered here, since a web page could have chosen it; \
             use localhost or the address, or set operator.listen to an address that is not \
             loopback";
        Problem::new(StatusCode::FORBIDDEN, "forbidden_host", message)
    }

    /// The request is not an operator's.
    pub(crate) fn token(problem: TokenProblem) -> Problem {
        let message = match problem {
            TokenProblem::Missing => {
                "no operator token; send 'authorization: Bearer …' with the one in the data \
                 directory's operator.token"
            }
            TokenProblem::Malformed => {
                "the credential cannot be read; send one 'authorization: Bearer …'"
            }
            TokenProblem::CallerKey => {
                "this is a caller's key; operators send the token in the data directory's \
                 operator.token"
            }
            TokenProblem::Wrong => {
                "this is not the operator token; it is in the data directory's operator.token, \
                 or in BASTION_OPERATOR_TOKEN"
            }
        };
        Problem::new(StatusCode::UNAUTHORIZED, "invalid_operator_token", message)
    }

    /// The store failed: its words go to the log.
    pub(crate) fn store(id: RequestId, cause: &StoreError) -> Problem {
        if let StoreError::TooManyKeys { .. } = cause {
            return Problem::conflict(cause.to_string());
        }
        tracing::error!(request_id = %id, %cause, "the store failed an operator");
        let message = "the store did not do it; the log says why";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", message)
    }

    /// A key was not changed.
    pub(crate) fn key(id: RequestId, cause: &KeyError) -> Problem {
        match cause {
            KeyError::Unknown { .. } => {
                Problem::new(StatusCode::NOT_FOUND, "not_found", cause.to_string())
            }
            KeyError::Revoked { .. }
            | KeyError::Expired { .. }
            | KeyError::TooManySecrets { .. } => Problem::conflict(cause.to_string()),
            KeyError::Store(cause) => Problem::store(id, cause),
        }
    }

    /// A fault of ours.
    pub(crate) fn internal() -> Problem {
        let message = "bastion failed; the log may say why";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", message)
    }

    /// Why the ledger did not do what was asked.
    pub(crate) fn hand(id: RequestId, cause: &HandError) -> Problem {
        match cause {
            HandError::OtherAmount { .. }
            | HandError::OtherConcern { .. }
            | HandError::TooMuchBack { .. }
            | HandError::MoreThanSpent { .. }
            | HandError::Beyond => Problem::conflict(cause.to_string()),
            HandError::UnknownCall(_) => Problem::not_found(cause.to_string()),
            HandError::Amount => Problem::invalid(cause.to_string()),
            HandError::Store(cause) => Problem::store(id, cause),
        }
    }

    pub(crate) fn conflict(message: String) -> Problem {
        Problem::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// The envelope's `type`.
    pub(crate) fn error_type(&self) -> ErrorType {
        if self.status.is_server_error() { ErrorType::Api } else { ErrorType::InvalidRequest }
    }

    /// The answer's `retry-after`, in seconds.
    pub(crate) fn retry_after_s(&self) -> Option<u32> {
        (self.status == StatusCode::SERVICE_UNAVAILABLE).then_some(STORE_RETRY_S)
    }
}

/// A word of the request, cut short and free of control characters.
fn echo(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(MAX_ECHO_LETTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_word_is_repeated_short_and_clean() {
        let problem = Problem::unknown_name("field", &format!("a\n{}", "b".repeat(500)), &["rpm"]);
        assert_eq!(problem.param.unwrap().len(), MAX_ECHO_LETTERS);
        assert!(problem.message.ends_with("'; did you mean one of rpm?"), "{}", problem.message);
        assert!(!problem.message.contains('\n'));
    }

    #[test]
    fn the_stores_words_stay_inside() {
        let cause = StoreError::Failed { what: "SELECT secrets".to_owned() };
        let id = RequestId::generate(bastion_types::Timestamp::from_micros(1)).unwrap();
        let problem = Problem::key(id, &KeyError::Store(cause));
        assert_eq!(problem.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!problem.message.contains("SELECT"), "{}", problem.message);
        let full = Problem::store(id, &StoreError::TooManyKeys { max: 7 });
        assert_eq!(full.status, StatusCode::CONFLICT, "a retry would not help");
    }
}
