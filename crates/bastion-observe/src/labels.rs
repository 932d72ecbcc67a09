//! The labels of metrics: closed sets, or names that the operators chose.
//!
//! It must never take a word of a caller's.

use std::fmt::{self, Write};
use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};

/// A name as a label's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Label(pub(crate) Arc<str>);

impl EncodeLabelValue for Label {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), fmt::Error> {
        encoder.write_str(&self.0)
    }
}

/// How one try at an upstream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum AttemptOutcome {
    /// It answered with success.
    Answered,
    /// It refused the caller's request (its own 4xx).
    Refused,
    /// It refused our key.
    Credentials,
    /// Our account there is empty.
    Funds,
    /// It limits us.
    RateLimited,
    /// It failed: 5xx or no sense.
    Failed,
    /// It could not be reached.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// The caller left first, or this process ended.
    Cancelled,
}

/// Labels of a finished call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct CallLabels {
    pub(crate) endpoint: &'static str,
    pub(crate) environment: Label,
    pub(crate) model: Label,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) stream: &'static str,
}

/// Labels of a duration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct DurationLabels {
    pub(crate) endpoint: &'static str,
    pub(crate) environment: Label,
}

/// Labels of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct TokenLabels {
    pub(crate) environment: Label,
    pub(crate) model: Label,
    pub(crate) kind: TokenKind,
}

/// Which tokens are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum TokenKind {
    Input,
    CachedInput,
    Output,
    Reasoning,
}

/// Labels of what an answer of a model was.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ModelLabels {
    pub(crate) environment: Label,
    pub(crate) model: Label,
}

/// Labels of what is used and is no token.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct UnitLabels {
    pub(crate) environment: Label,
    pub(crate) model: Label,
    pub(crate) unit: UnitKind,
}

/// What is counted beside tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(crate) enum UnitKind {
    Images,
    AudioMs,
    Characters,
}

/// Labels of what happens to an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct UpstreamLabels {
    pub(crate) upstream: Label,
}

/// Labels of one try at an upstream.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct AttemptLabels {
    pub(crate) upstream: Label,
    pub(crate) outcome: AttemptOutcome,
}

/// Labels of what was refused before a key was known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RefusalLabels {
    pub(crate) code: &'static str,
}

/// Labels of what was decided and not applied.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ObservedLabels {
    pub(crate) environment: Label,
    pub(crate) code: &'static str,
}

/// Labels of a reload of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ReloadLabels {
    pub(crate) outcome: &'static str,
}
