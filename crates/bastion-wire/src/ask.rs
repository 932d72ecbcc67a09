//! What policy knows of a request, whatever its endpoint.
//!
//! It must never hold what only the upstream needs: that stays in the body.

use std::borrow::Cow;
use std::ops::Range;

use bastion_types::{Modifier, Prompt};

use crate::dialect::Dialect;

/// What policy reads of a request's body.
#[derive(Debug, PartialEq, Eq)]
pub struct Ask<'a> {
    /// Who is to answer.
    pub named: Named<'a>,
    /// The language of the stream that is asked for; none: the answer is to be whole.
    pub stream: Option<Dialect>,
    /// What to change in the body so that the stream ends with its usage; none where the caller
    /// asks for that, and where there is nothing to ask for.
    pub usage_wish: Option<Splice>,
    /// What it leaves at the upstream.
    pub state: State,
    /// What it asks for, as far as it is counted.
    pub work: Work,
    /// How long its answers may be, as it says so, and where; none: it writes no text.
    pub limits: Option<OutputLimits>,
    /// What its prompt is bounded by.
    pub prompt: Prompt,
    /// What it asks for that its model's price may not say.
    pub modifiers: Vec<Modifier>,
    /// The end user's id.
    pub user: Option<Cow<'a, str>>,
}

/// How a request says how long an answer may be: one limit, under any of its spellings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputLimits {
    /// Each spelling that is there with a number.
    pub given: Vec<GivenLimit>,
    /// The spellings that the endpoint's upstreams go by; the first is the usual one.
    pub own: &'static [&'static str],
    /// Where a limit can be put in before all other fields.
    pub front: usize,
    /// Spellings of the upstreams' own that stand there as null, and where each null is.
    pub nulls: Vec<(&'static str, Range<usize>)>,
}

/// One spelling of the limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenLimit {
    /// The field.
    pub field: &'static str,
    /// Tokens.
    pub tokens: u64,
    /// Where the number stands.
    pub place: Range<usize>,
}

impl OutputLimits {
    /// The most output tokens of one answer that the request wants; whether the upstream keeps to
    /// it is another question.
    pub fn asked(&self) -> Option<u64> {
        let own = self.given.iter().filter(|given| self.own.contains(&given.field));
        own.map(|given| given.tokens).max()
    }

    /// The most output tokens of one answer, if a spelling is there that an upstream keeps to which
    /// knows `limit_field`. Each other one can only raise it: the upstream may go by that.
    ///
    /// `max_tokens` is kept or refused by every engine of chats; some ignore
    /// `max_completion_tokens`.
    pub fn kept_by(&self, limit_field: &str) -> Option<u64> {
        let [usual, ..] = self.own else { return None };
        let is_kept =
            |field: &str| field == *usual || (field == limit_field && self.own.contains(&field));
        self.given.iter().find(|given| is_kept(given.field))?;
        self.given.iter().map(|given| given.tokens).max()
    }
}

/// How a request says who is to answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// By a model's name.
    Model {
        /// The model as the caller names it.
        name: Cow<'a, str>,
        /// Where that stands in the body; a JSON string with its quotes.
        place: Range<usize>,
    },
    /// By a language, and perhaps a voice.
    Language {
        /// The language, such as `en-US`.
        language: Cow<'a, str>,
        /// The voice.
        voice: Option<Cow<'a, str>>,
    },
}

/// A change of a body: the bytes of a place, and what stands there instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// Which bytes of the body go; none: an insertion.
    pub place: Range<usize>,
    /// What stands there instead.
    pub with: &'static str,
}

/// What a call leaves at the upstream. Box `privacy.store-false`.
#[derive(Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing, as the body stands.
    None,
    /// Nothing, once this is changed: the upstream's own default would keep it.
    NoneWith(Splice),
    /// Something; this field asks for it.
    AskedBy(&'static str),
}

impl Work {
    /// As this, but each text ends at this limit, if it has one.
    #[must_use]
    pub fn limited(self, limit_tokens: Option<u64>) -> Work {
        match self {
            Work::Text { answers, .. } => Work::Text { limit_tokens, answers },
            Work::Vectors | Work::Images { .. } | Work::Transcript { .. } | Work::Speech { .. } => {
                self
            }
        }
    }
}

/// What a call asks for, in the units that it is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Text, token by token.
    Text {
        /// The most output tokens of each answer, as [`OutputLimits::kept_by`] of the endpoint's
        /// usual spelling tells it.
        limit_tokens: Option<u64>,
        /// How many answers: choices × prompts.
        answers: u64,
    },
    /// Embeddings: input alone.
    Vectors,
    /// Images.
    Images {
        /// How many.
        count: u64,
    },
    /// A recording as text.
    Transcript {
        /// How long the recording may be, by its bytes, in milliseconds.
        estimated_ms: u64,
        /// How large it is, in bytes.
        bytes: u64,
    },
    /// Text as speech.
    Speech {
        /// Characters of the text (Unicode scalar values).
        characters: u64,
    },
}
