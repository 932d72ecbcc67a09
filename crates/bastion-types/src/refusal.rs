//! Our answer when we will not, or cannot: a value of the contract.
//!
//! One flat list and one `match` from it to status, type, code and retry advice. The text here is
//! what the caller reads; causes stay in their modules and go to the log. It must never hold a
//! key, a prompt or an inner error's text.

use std::borrow::Cow;

use crate::{ModelName, SurfaceName};

/// Longest part of a caller's own text that a message repeats, in bytes.
const MAX_ECHO_BYTES: usize = 64;

/// A drained process is replaced about this fast.
const DRAINING_RETRY_S: u32 = 1;
/// The wait where an upstream's 429 named none, in seconds.
const UNNAMED_RETRY_S: u32 = 1;
/// The wait of who retries what only people can mend, in seconds.
const HOPELESS_RETRY_S: u32 = 60;

/// A database that is away is asked again this soon.
const LEDGER_RETRY_S: u32 = 1;

/// Why a key opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyProblem {
    /// No credential was sent.
    Missing,
    /// Not in a form that carries a key, or two credentials that differ.
    Malformed,
    /// Not a key of ours.
    Foreign,
    /// The check letters do not fit.
    Mistyped,
    /// Well formed, but nobody's.
    Unknown,
    /// It was revoked, or its overlap after a rotation is over.
    Revoked,
    /// Its time is over.
    Expired,
    /// A key of an environment that this listener does not serve.
    OtherEnvironment,
}

/// Which limit of a key was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateKind {
    /// Requests a minute.
    Requests,
    /// Tokens a minute.
    Tokens,
    /// Calls at the same time.
    Concurrency,
}

/// The `type` of the envelope. Source: contract, Errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorType {
    /// The request is wrong and stays so.
    InvalidRequest,
    /// Money is missing.
    InsufficientQuota,
    /// Too much at once.
    RateLimit,
    /// The other side failed.
    Api,
}

impl ErrorType {
    /// As the envelope writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorType::InvalidRequest => "invalid_request_error",
            ErrorType::InsufficientQuota => "insufficient_quota",
            ErrorType::RateLimit => "rate_limit_error",
            ErrorType::Api => "api_error",
        }
    }
}

/// May the same request be sent again?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAdvice {
    /// It will fail the same way until somebody changes something.
    Never,
    /// After so many seconds.
    After(u32),
    /// At once, or with the client's own backoff.
    Again,
    /// Our own tries are used up: an SDK must not multiply them (`x-should-retry: false`).
    Spent,
}

/// What the caller is told instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No such path.
    UnknownPath,
    /// The path exists, not with this method; holds what `allow` says.
    WrongMethod(&'static str),
    /// 401.
    Key(KeyProblem),
    /// The body or a header is not what the contract asks for.
    InvalidRequest {
        /// What is wrong and how to mend it.
        message: Cow<'static, str>,
        /// The field.
        param: Option<&'static str>,
    },
    /// A call that would leave state at the upstream. Box `privacy.store-false`.
    StatefulNotAllowed {
        /// The field that asks for it.
        param: &'static str,
    },
    /// Unknown, or not for this key or endpoint.
    ModelNotFound {
        /// What the caller asked for.
        model: String,
    },
    /// A model that the call's surface does not list. Box `cost.model-choice`.
    SurfaceModelNotAllowed {
        /// The surface.
        surface: SurfaceName,
        /// The model that was asked for.
        model: ModelName,
    },
    /// A limit above the surface's ceiling. Box `cost.token-budget`.
    TokenBudgetExceeded {
        /// The field that names it.
        param: &'static str,
        /// The ceiling.
        limit_tokens: u64,
    },
    /// A call that must name its end user and does not. Box `privacy.audit`.
    UserRequired,
    /// The body is larger than `limit_bytes`.
    PayloadTooLarge {
        /// The most that is read.
        limit_bytes: u64,
    },
    /// The request's head is larger than `limit_bytes`.
    HeadersTooLarge {
        /// The most that is read.
        limit_bytes: u64,
    },
    /// The request has more header lines than `limit_lines`.
    TooManyHeaders {
        /// The most that are read.
        limit_lines: u32,
    },
    /// The body came too slowly.
    RequestTimeout,
    /// A limit of the key.
    RateLimited {
        /// Which one.
        kind: RateKind,
        /// Until it may fit.
        retry_after_s: u32,
    },
    /// An estimate above the whole bucket: it can never fit.
    NeverFits {
        /// The key's tokens a minute.
        limit_tokens: u64,
    },
    /// The upstream failed or made no sense.
    UpstreamError,
    /// The upstream said 503.
    ServiceUnavailable {
        /// Until it may work.
        retry_after_s: u32,
    },
    /// Nobody was asked: no upstream can be just now, or it is not known which keys count.
    NotNow {
        /// Until it may work.
        retry_after_s: u32,
    },
    /// This process takes no more calls; another one may.
    Draining,
    /// This process ended while the call ran.
    Stopped,
    /// The upstream's own 429.
    UpstreamRateLimited {
        /// What it named, in seconds.
        retry_after_s: Option<u32>,
    },
    /// Our key at the upstream was refused. Box `credentials.secret-store`.
    UpstreamCredentials,
    /// Our account at the upstream is empty. Box `cost.low-balance`.
    UpstreamFunds,
    /// A cap is spent, or this call can never fit into what is left. Box `cost.spend-cap`.
    CapExceeded {
        /// Which cap, the call's bound, and when the cap begins anew.
        message: String,
    },
    /// The prepaid balance does not cover the call. Box `cost.low-balance`.
    InsufficientFunds {
        /// What is left, and the call's bound.
        message: String,
    },
    /// It fits once running calls have settled, and they did not in time.
    CapReserved {
        /// Until it may fit.
        retry_after_s: u32,
        /// What holds how much.
        message: String,
    },
    /// No money could be set aside, because the database is away: nothing was sent.
    LedgerUnavailable,
    /// No upstream of this model stands in a region that the environment allows.
    NoAllowedRegion,
    /// The upstream broke off after the answer had begun.
    StreamInterrupted,
    /// A fault of ours.
    Internal,
}

impl Refusal {
    /// A wrong request with no field to name.
    pub fn invalid(message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::InvalidRequest { message: message.into(), param: None }
    }

    /// A wrong field.
    pub fn invalid_field(param: &'static str, message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::InvalidRequest { message: message.into(), param: Some(param) }
    }

    /// Status, type, code and advice of each row.
    fn row(&self) -> (u16, ErrorType, &'static str, RetryAdvice) {
        use ErrorType::{Api, InsufficientQuota, InvalidRequest, RateLimit};
        use RetryAdvice::{After, Again, Never, Spent};
        match self {
            Refusal::UnknownPath => (404, InvalidRequest, "not_found", Never),
            Refusal::WrongMethod(_) => (405, InvalidRequest, "method_not_allowed", Never),
            Refusal::Key(_) => (401, InvalidRequest, "invalid_api_key", Never),
            Refusal::InvalidRequest { .. } => (400, InvalidRequest, "invalid_request", Never),
            Refusal::StatefulNotAllowed { .. } => {
                (400, InvalidRequest, "stateful_not_allowed", Never)
            }
            Refusal::ModelNotFound { .. } => (404, InvalidRequest, "model_not_found", Never),
            Refusal::SurfaceModelNotAllowed { .. } => {
                (400, InvalidRequest, "surface_model_not_allowed", Never)
            }
            Refusal::TokenBudgetExceeded { .. } => {
                (400, InvalidRequest, "token_budget_exceeded", Never)
            }
            Refusal::UserRequired => (400, InvalidRequest, "user_required", Never),
            Refusal::PayloadTooLarge { .. } => (413, InvalidRequest, "payload_too_large", Never),
            Refusal::HeadersTooLarge { .. } | Refusal::TooManyHeaders { .. } => {
                (431, InvalidRequest, "headers_too_large", Never)
            }
            Refusal::RequestTimeout => (408, InvalidRequest, "request_timeout", Again),
            Refusal::RateLimited { retry_after_s, .. } => {
                (429, RateLimit, "rate_limit_exceeded", After(*retry_after_s))
            }
            Refusal::NeverFits { .. } => (429, RateLimit, "rate_limit_exceeded", Never),
            Refusal::UpstreamError => (502, Api, "upstream_error", Spent),
            Refusal::ServiceUnavailable { .. } => (503, Api, "service_unavailable", Spent),
            Refusal::NotNow { retry_after_s } => {
                (503, Api, "service_unavailable", After(*retry_after_s))
            }
            Refusal::Draining | Refusal::Stopped => {
                (503, Api, "service_unavailable", After(DRAINING_RETRY_S))
            }
            Refusal::UpstreamRateLimited { .. } => (429, RateLimit, "rate_limit_exceeded", Spent),
            Refusal::UpstreamCredentials => (502, Api, "upstream_credentials", Spent),
            Refusal::UpstreamFunds => (503, InsufficientQuota, "upstream_funds", Never),
            Refusal::CapExceeded { .. } => (402, InsufficientQuota, "cap_exceeded", Never),
            Refusal::InsufficientFunds { .. } => {
                (402, InsufficientQuota, "insufficient_funds", Never)
            }
            Refusal::CapReserved { retry_after_s, .. } => {
                (429, RateLimit, "cap_reserved", After(*retry_after_s))
            }
            Refusal::LedgerUnavailable => (503, Api, "service_unavailable", After(LEDGER_RETRY_S)),
            Refusal::NoAllowedRegion => (503, Api, "no_allowed_region", Never),
            Refusal::StreamInterrupted => (502, Api, "stream_interrupted", Again),
            Refusal::Internal => (500, Api, "internal_error", Again),
        }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.row().0
    }

    /// The envelope's `type`.
    pub fn error_type(&self) -> ErrorType {
        self.row().1
    }

    /// The envelope's `code`, stable: `bastion explain CODE` is its page.
    pub fn code(&self) -> &'static str {
        self.row().2
    }

    /// May the same request be sent again?
    pub fn retry(&self) -> RetryAdvice {
        self.row().3
    }

    /// The answer's `retry-after`, in whole seconds: on every 429 and 503. Source: interface, Headers.
    pub fn retry_after_s(&self) -> Option<u32> {
        match (self, self.retry()) {
            (Refusal::ServiceUnavailable { retry_after_s }, _) => Some(*retry_after_s),
            (_, RetryAdvice::After(retry_after_s)) => Some(retry_after_s),
            (Refusal::UpstreamRateLimited { retry_after_s }, _) => {
                Some(retry_after_s.unwrap_or(UNNAMED_RETRY_S))
            }
            // Nothing changes by itself; who retries all the same does it seldom.
            _ if matches!(self.status(), 429 | 503) => Some(HOPELESS_RETRY_S),
            _ => None,
        }
    }

    /// The answer's `x-should-retry`: `Some(false)` where an SDK would retry and must not.
    pub fn should_retry(&self) -> Option<bool> {
        // 402 is said as well: some clients retry whatever they do not know.
        let sdks_retry_it = matches!(self.status(), 402 | 408 | 409 | 429 | 500..);
        let must_not = matches!(self.retry(), RetryAdvice::Never | RetryAdvice::Spent);
        (sdks_retry_it && must_not).then_some(false)
    }

    /// The envelope's `param`.
    pub fn param(&self) -> Option<&'static str> {
        if let Refusal::InvalidRequest { param, .. } = self {
            return *param;
        }
        if let Refusal::StatefulNotAllowed { param } | Refusal::TokenBudgetExceeded { param, .. } =
            self
        {
            return Some(param);
        }
        if matches!(self, Refusal::UserRequired) {
            return Some("user");
        }
        let names_model =
            matches!(self, Refusal::ModelNotFound { .. } | Refusal::SurfaceModelNotAllowed { .. });
        names_model.then_some("model")
    }

    /// What the caller reads; the envelope adds the request id.
    pub fn message(&self) -> Cow<'static, str> {
        match self {
            Refusal::InvalidRequest { message, .. } => message.clone(),
            Refusal::Key(problem) => key_message(*problem).into(),
            Refusal::WrongMethod(allowed) => format!("wrong method; use {allowed}").into(),
            Refusal::StatefulNotAllowed { .. }
            | Refusal::ModelNotFound { .. }
            | Refusal::SurfaceModelNotAllowed { .. }
            | Refusal::TokenBudgetExceeded { .. } => self.rule_message().into(),
            Refusal::UserRequired => USER_REQUIRED.into(),
            Refusal::PayloadTooLarge { limit_bytes } => {
                format!("the body is larger than {limit_bytes} bytes; send less").into()
            }
            Refusal::HeadersTooLarge { limit_bytes } => {
                format!("the headers are larger than {limit_bytes} bytes; send less").into()
            }
            Refusal::TooManyHeaders { limit_lines } => {
                format!("there are more than {limit_lines} headers; send fewer").into()
            }
            Refusal::RateLimited { kind, retry_after_s } => {
                format!("{}; retry after {retry_after_s} s", rate_message(*kind)).into()
            }
            Refusal::NeverFits { limit_tokens } => format!(
                "this call may use more tokens than the key's {limit_tokens} a minute; lower \
                 max_tokens, or ask for a larger limit"
            )
            .into(),
            Refusal::UnknownPath => UNKNOWN_PATH.into(),
            Refusal::RequestTimeout => REQUEST_TIMEOUT.into(),
            Refusal::UpstreamError => UPSTREAM_ERROR.into(),
            Refusal::ServiceUnavailable { .. } | Refusal::NotNow { .. } => {
                SERVICE_UNAVAILABLE.into()
            }
            Refusal::Draining => DRAINING.into(),
            Refusal::Stopped => STOPPED.into(),
            Refusal::UpstreamRateLimited { .. } => UPSTREAM_RATE_LIMITED.into(),
            Refusal::UpstreamCredentials => UPSTREAM_CREDENTIALS.into(),
            Refusal::UpstreamFunds => UPSTREAM_FUNDS.into(),
            Refusal::CapExceeded { message }
            | Refusal::InsufficientFunds { message }
            | Refusal::CapReserved { message, .. } => message.clone().into(),
            Refusal::LedgerUnavailable => LEDGER_UNAVAILABLE.into(),
            Refusal::NoAllowedRegion => NO_ALLOWED_REGION.into(),
            Refusal::StreamInterrupted => STREAM_INTERRUPTED.into(),
            Refusal::Internal => INTERNAL.into(),
        }
    }
}

impl Refusal {
    /// What a rule of the operators says to a field of the body.
    fn rule_message(&self) -> String {
        if let Refusal::StatefulNotAllowed { param } = self {
            return format!(
                "'{param}' would leave this call's content at the upstream (box \
                 privacy.store-false); leave the field out or send false"
            );
        }
        if let Refusal::SurfaceModelNotAllowed { surface, model } = self {
            return format!(
                "the surface '{surface}' does not use the model '{model}' (box \
                 cost.model-choice); send \"surface:{surface}\" as the model, or ask its owner"
            );
        }
        if let Refusal::TokenBudgetExceeded { param, limit_tokens } = self {
            return format!(
                "'{param}' is above the surface's {limit_tokens} tokens (box cost.token-budget); \
                 lower it, or leave it out for the surface's own"
            );
        }
        let model = if let Refusal::ModelNotFound { model } = self { model.as_str() } else { "" };
        format!("no model '{}' for this key and endpoint; GET /v1/models lists them", echo(model))
    }
}

const USER_REQUIRED: &str = "this call must name its end user (box privacy.audit); send 'user' or \
    'safety_identifier' in the body, or the header 'bastion-user'";
const UNKNOWN_PATH: &str = "no such path; the paths are those of the OpenAI API under /v1";
const REQUEST_TIMEOUT: &str = "the body did not arrive in time; send the request again";
const UPSTREAM_ERROR: &str = "the upstream failed to answer; retry later";
const SERVICE_UNAVAILABLE: &str = "the service is unavailable; retry later";
const DRAINING: &str = "this gateway is shutting down; send the request again";
const STOPPED: &str = "this gateway was shut down before the call ended; send the request again";
const UPSTREAM_RATE_LIMITED: &str = "the upstream is at its own rate limit; retry later";
const UPSTREAM_CREDENTIALS: &str = "the gateway's own key at the upstream was refused; this is \
    not your key, tell the operators";
const UPSTREAM_FUNDS: &str =
    "the gateway's account at the upstream is empty; tell the operators (box cost.low-balance)";
const LEDGER_UNAVAILABLE: &str =
    "the gateway cannot set money aside just now, and sends nothing without; retry later";
const NO_ALLOWED_REGION: &str = "no upstream of this model stands in a region that this \
    environment allows (box privacy.residency); use another model, or tell the operators";
const STREAM_INTERRUPTED: &str =
    "the upstream broke off; discard what came and send the whole request again";
const INTERNAL: &str = "the gateway failed; tell the operators the request id";

fn key_message(problem: KeyProblem) -> &'static str {
    match problem {
        KeyProblem::Missing => "no key; send 'authorization: Bearer bst_…'",
        KeyProblem::Malformed => "the credential cannot be read; send one 'Bearer bst_…'",
        KeyProblem::Foreign => {
            "this is not a key of this gateway (they begin with bst_); use the key that the \
             operators made for your service"
        }
        KeyProblem::Mistyped => "the key is mistyped: its check letters do not fit; copy it again",
        KeyProblem::Unknown => "no such key; ask the operators for one",
        KeyProblem::Revoked => {
            "the key was revoked, or its rotation is over; ask the operators for its successor"
        }
        KeyProblem::Expired => "the key has expired; ask the operators for a new one",
        KeyProblem::OtherEnvironment => {
            "keys of this environment are not served here (box credentials.separate-keys); use \
             the address of your key's environment"
        }
    }
}

fn rate_message(kind: RateKind) -> &'static str {
    match kind {
        RateKind::Requests => "the key's requests a minute are used up",
        RateKind::Tokens => "the key's tokens a minute are used up",
        RateKind::Concurrency => "the key's calls at the same time are used up",
    }
}

/// A caller's own word, cut short and free of control characters.
fn echo(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if out.len() + letter.len_utf8() > MAX_ECHO_BYTES {
            out.push('…');
            break;
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(refusal: Refusal, status: u16, code: &str, retry: RetryAdvice) {
        assert_eq!((refusal.status(), refusal.code(), refusal.retry()), (status, code, retry));
    }

    #[test]
    fn each_refusal_is_a_row_of_the_contract() {
        check(Refusal::Key(KeyProblem::Revoked), 401, "invalid_api_key", RetryAdvice::Never);
        check(Refusal::UpstreamError, 502, "upstream_error", RetryAdvice::Spent);
        let limited = Refusal::RateLimited { kind: RateKind::Requests, retry_after_s: 7 };
        assert_eq!((limited.retry_after_s(), limited.should_retry()), (Some(7), None));
        check(limited, 429, "rate_limit_exceeded", RetryAdvice::After(7));
        assert_eq!(Refusal::UpstreamError.should_retry(), Some(false));
        assert_eq!(Refusal::Draining.retry_after_s(), Some(1));
        let spent = Refusal::CapExceeded { message: "m".to_owned() };
        assert_eq!((spent.should_retry(), spent.retry_after_s()), (Some(false), None));
        check(spent, 402, "cap_exceeded", RetryAdvice::Never);
        let reserved = Refusal::CapReserved { retry_after_s: 2, message: "m".to_owned() };
        assert_eq!((reserved.should_retry(), reserved.retry_after_s()), (None, Some(2)));
        check(reserved, 429, "cap_reserved", RetryAdvice::After(2));
        assert_eq!(Refusal::LedgerUnavailable.retry_after_s(), Some(1));
        check(
            Refusal::ModelNotFound { model: "x".into() },
            404,
            "model_not_found",
            RetryAdvice::Never,
        );
    }

    #[test]
    fn every_429_and_503_says_when_to_come_back() {
        let hopeless = [
            Refusal::NeverFits { limit_tokens: 1 },
            Refusal::UpstreamFunds,
            Refusal::NoAllowedRegion,
        ];
        for refusal in hopeless {
            let told = (refusal.retry_after_s(), refusal.should_retry());
            assert_eq!(told, (Some(60), Some(false)), "{refusal:?}");
        }
        let unnamed = Refusal::UpstreamRateLimited { retry_after_s: None };
        let named = Refusal::UpstreamRateLimited { retry_after_s: Some(9) };
        assert_eq!((unnamed.retry_after_s(), named.retry_after_s()), (Some(1), Some(9)));
        assert_eq!(Refusal::NotNow { retry_after_s: 3 }.retry_after_s(), Some(3));
        assert_eq!(Refusal::UpstreamError.retry_after_s(), None);
    }

    #[test]
    fn a_callers_word_is_repeated_short_and_clean() {
        let refusal = Refusal::ModelNotFound { model: format!("a\nb{}", "c".repeat(500)) };
        let message = refusal.message();
        assert!(message.contains("'abccc"), "{message}");
        assert!(message.len() < 200 && !message.contains('\n'));
    }
}
