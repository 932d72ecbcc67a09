//! Every code with its page: those of refusals are here, those of the configuration beside it.
//!
//! It must never hold a code that this version does not say.

use bastion_config::CODES;

/// A code's page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) code: &'static str,
    pub(super) about: About,
    pub(super) text: &'static str,
}

/// Who says a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// The gateway, in an answer's envelope.
    Refusal,
    /// The configuration's check.
    Configuration,
}

impl About {
    /// As JSON writes it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            About::Refusal => "refusal",
            About::Configuration => "configuration",
        }
    }

    /// As a list's title.
    pub(super) const fn title(self) -> &'static str {
        match self {
            About::Refusal => "in an answer of the gateway",
            About::Configuration => "in 'bastion config check'",
        }
    }
}

impl Page {
    /// What the code means: the first paragraph's first line behind the title.
    pub(super) fn summary(&self) -> String {
        let mut paragraph = self.text.split("\n\n").nth(1).unwrap_or_default().lines();
        let first = paragraph.next().unwrap_or_default();
        let sentence = paragraph.fold(first.to_owned(), |text, line| format!("{text} {line}"));
        let end = sentence.find(". ").map(|at| at.saturating_add(1));
        end.and_then(|end| sentence.get(..end)).unwrap_or(&sentence).to_owned()
    }
}

/// Every page, refusals first.
pub(super) fn all() -> impl Iterator<Item = Page> {
    let page = |about: About| {
        move |&(code, text): &(&'static str, &'static str)| Page { code, about, text }
    };
    let refusals = REFUSALS.iter().map(page(About::Refusal));
    refusals.chain(CODES.iter().map(page(About::Configuration)))
}

const REFUSALS: &[(&str, &str)] = &[
    ("cap_exceeded", include_str!("cap_exceeded.md")),
    ("cap_reserved", include_str!("cap_reserved.md")),
    ("conflict", include_str!("conflict.md")),
    ("headers_too_large", include_str!("headers_too_large.md")),
    ("insufficient_funds", include_str!("insufficient_funds.md")),
    ("internal_error", include_str!("internal_error.md")),
    ("invalid_api_key", include_str!("invalid_api_key.md")),
    ("invalid_operator_token", include_str!("invalid_operator_token.md")),
    ("invalid_request", include_str!("invalid_request.md")),
    ("method_not_allowed", include_str!("method_not_allowed.md")),
    ("model_not_found", include_str!("model_not_found.md")),
    ("no_allowed_region", include_str!("no_allowed_region.md")),
    ("not_found", include_str!("not_found.md")),
    ("payload_too_large", include_str!("payload_too_large.md")),
    ("rate_limit_exceeded", include_str!("rate_limit_exceeded.md")),
    ("request_timeout", include_str!("request_timeout.md")),
    ("service_unavailable", include_str!("service_unavailable.md")),
    ("stateful_not_allowed", include_str!("stateful_not_allowed.md")),
    ("stream_interrupted", include_str!("stream_interrupted.md")),
    ("surface_model_not_allowed", include_str!("surface_model_not_allowed.md")),
    ("token_budget_exceeded", include_str!("token_budget_exceeded.md")),
    ("upstream_credentials", include_str!("upstream_credentials.md")),
    ("upstream_error", include_str!("upstream_error.md")),
    ("upstream_funds", include_str!("upstream_funds.md")),
    ("upstream_refused", include_str!("upstream_refused.md")),
    ("user_required", include_str!("user_required.md")),
];

#[cfg(test)]
mod tests {
    use bastion_types::{KeyProblem, ModelName, RateKind, Refusal, SurfaceName};

    use super::*;

    /// What no refusal says: the operator API does, and records of calls.
    const OTHERS: [&str; 3] = ["conflict", "invalid_operator_token", "upstream_refused"];

    /// One of each; a new variant does not compile in [`is_listed`] until it is here, too.
    fn every_refusal() -> Vec<Refusal> {
        vec![
            Refusal::UnknownPath,
            Refusal::WrongMethod("POST"),
            Refusal::Key(KeyProblem::Missing),
            Refusal::invalid("x"),
            Refusal::StatefulNotAllowed { param: "store" },
            Refusal::ModelNotFound { model: "x".into() },
            Refusal::SurfaceModelNotAllowed {
                surface: SurfaceName::parse("s").unwrap(),
                model: ModelName::parse("m").unwrap(),
            },
            Refusal::TokenBudgetExceeded { param: "max_tokens", limit_tokens: 1 },
            Refusal::UserRequired,
            Refusal::PayloadTooLarge { limit_bytes: 1 },
            Refusal::HeadersTooLarge { limit_bytes: 1 },
            Refusal::TooManyHeaders { limit_lines: 1 },
            Refusal::RequestTimeout,
            Refusal::RateLimited { kind: RateKind::Requests, retry_after_s: 1 },
            Refusal::NeverFits { limit_tokens: 1 },
            Refusal::UpstreamError,
            Refusal::ServiceUnavailable { retry_after_s: 1 },
            Refusal::NotNow { retry_after_s: 1 },
            Refusal::Draining,
            Refusal::Stopped,
            Refusal::UpstreamRateLimited { retry_after_s: None },
            Refusal::UpstreamCredentials,
            Refusal::UpstreamFunds,
            Refusal::CapExceeded { message: String::new() },
            Refusal::InsufficientFunds { message: String::new() },
            Refusal::CapReserved { retry_after_s: 1, message: String::new() },
            Refusal::LedgerUnavailable,
            Refusal::NoAllowedRegion,
            Refusal::StreamInterrupted,
            Refusal::Internal,
        ]
    }

    fn is_listed(refusal: &Refusal) -> bool {
        match refusal {
            Refusal::UnknownPath
            | Refusal::WrongMethod(_)
            | Refusal::Key(_)
            | Refusal::InvalidRequest { .. }
            | Refusal::StatefulNotAllowed { .. }
            | Refusal::ModelNotFound { .. }
            | Refusal::SurfaceModelNotAllowed { .. }
            | Refusal::TokenBudgetExceeded { .. }
            | Refusal::UserRequired
            | Refusal::PayloadTooLarge { .. }
            | Refusal::HeadersTooLarge { .. }
            | Refusal::TooManyHeaders { .. }
            | Refusal::RequestTimeout
            | Refusal::RateLimited { .. }
            | Refusal::NeverFits { .. }
            | Refusal::UpstreamError
            | Refusal::ServiceUnavailable { .. }
            | Refusal::NotNow { .. }
            | Refusal::Draining
            | Refusal::Stopped
            | Refusal::UpstreamRateLimited { .. }
            | Refusal::UpstreamCredentials
            | Refusal::UpstreamFunds
            | Refusal::CapExceeded { .. }
            | Refusal::InsufficientFunds { .. }
            | Refusal::CapReserved { .. }
            | Refusal::LedgerUnavailable
            | Refusal::NoAllowedRegion
            | Refusal::StreamInterrupted
            | Refusal::Internal => true,
        }
    }

    #[test]
    fn every_code_of_refusals_and_configuration_has_one_page() {
        let refusals = every_refusal();
        assert!(refusals.iter().all(is_listed));
        let mut said: Vec<&str> = refusals.iter().map(Refusal::code).collect();
        said.extend(CODES.iter().map(|(code, _)| code));
        said.extend(OTHERS);
        for code in &said {
            assert_eq!(all().filter(|page| page.code == *code).count(), 1, "{code}");
        }
        assert!(all().all(|page| said.contains(&page.code)), "no page of a code nobody says");
    }

    #[test]
    fn a_refusals_page_has_its_status_type_and_parts() {
        for refusal in every_refusal() {
            let page = all().find(|page| page.code == refusal.code()).unwrap();
            assert!(page.text.starts_with(&format!("# {}\n\n", page.code)), "{}", page.code);
            for part in ["\n## Why\n", "\n## Mend\n", "\n## Client\n"] {
                assert!(page.text.contains(part), "{}: {part:?} is missing", page.code);
            }
            let status = refusal.status().to_string();
            let kind = refusal.error_type().as_str();
            assert!(page.text.contains(&status) && page.text.contains(kind), "{}", page.code);
            let words = page.text.split_whitespace().count();
            assert!((55..=150).contains(&words), "{}: {words} words", page.code);
        }
    }

    #[test]
    fn a_summary_is_one_sentence() {
        for page in all() {
            let summary = page.summary();
            assert!(summary.ends_with('.') && !summary.contains('\n'), "{}", page.code);
            assert!((10..120).contains(&summary.len()), "{}: {summary}", page.code);
        }
    }
}
